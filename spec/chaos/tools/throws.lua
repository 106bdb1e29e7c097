local cycle = {}
cycle.cycle = cycle
local unkind = setmetatable({}, { __tostring = function() error("not even this") end })

-- Each returns, or throws, something that is no result, or a strange one.
local ways = {
  throws = function() error("as it was told") end,
  throws_nothing = function() error(nil) end,
  throws_unkindly = function() error(unkind) end,
  loops = function() while true do end end,
  loops_in_coroutines = function()
    while true do
      coroutine.wrap(function() pcall(error, "again") end)()
    end
  end,
  a_function = function() return { output = function() end, status = 7 } end,
  a_number = function() return 0 / 0 end,
  a_refusal = function() return nil, unkind end,
  a_false_error = function() return nil, { code = "no such code" } end,
  unreadable = function() return setmetatable({}, { __index = function() error("no") end }) end,
  nothing = function() end,
  a_cycle = function() return { output = "", metadata = cycle } end,
  much = function() return ("x"):rep(1 << 20) end,
}

local names = {}
for name in pairs(ways) do
  names[#names + 1] = name
end
table.sort(names)

return {
  name = "throws",
  version = "1.0.0",
  api = 1,
  description = "Fails in the ways in which a tool can be wrong",
  parameters = { type = "object", required = { "how" }, properties = {
    how = { type = "string", enum = names },
  } },
  budget = 1000000,
  execute = function(_, params)
    return ways[params.how]()
  end,
}
