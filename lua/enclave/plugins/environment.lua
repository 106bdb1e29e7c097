-- What a plugin file sees as its globals: Lua's own, to be read. An accidental global is an error,
-- what all of Lua shares is not one plugin's to change, and nothing is offered by which it would
-- run where no instruction is counted. This stops mistakes, not malice: a plugin's author is
-- trusted.
local environment = {}

---@param name any
---@return string # what is wrong with an assignment to this global
function environment.assigned(name)
  return ('assignment to the global "%s"; write "local %s"'):format(tostring(name),
    tostring(name))
end

-- A library that can be read.
local function shared(name, library)
  return setmetatable({}, { __index = library, __metatable = false, __pairs = function()
    return next, library
  end, __newindex = function(_, field)
    error(('assignment to "%s" of %s, which all of Lua shares'):format(tostring(field), name), 2)
  end })
end

local function without(library, name)
  local copy = {}
  for key, value in pairs(library) do
    copy[key] = key ~= name and value or nil
  end
  return copy
end

local env = { debug = shared("debug", without(debug, "sethook")) }
for _, name in ipairs({ "string", "table", "math", "os", "io", "utf8", "coroutine" }) do
  env[name] = shared(name, _G[name])
end

local of_strings = shared("the metatable of strings", getmetatable(""))

function env.getmetatable(value)
  return type(value) == "string" and of_strings or getmetatable(value)
end

-- Lua calls finalizers wherever it is, without counting.
function env.setmetatable(value, metatable)
  if type(metatable) == "table" and rawget(metatable, "__gc") ~= nil then
    error("a plugin's metatable cannot have __gc; close values by __close", 2)
  end
  return setmetatable(value, metatable)
end

-- The handler of the error by which a call is stopped is called without counting, too.
function env.xpcall(fn, handler, ...)
  return xpcall(fn, type(handler) == "function" and function(problem)
    local stopped = type(problem) == "string" and problem:find("stopped after %d+ instructions")
    return stopped and problem or handler(problem)
  end or handler, ...)
end

---@return table # for one file
function environment.new()
  local new = {}
  for name, value in pairs(env) do
    new[name] = value
  end
  new._G = new
  return setmetatable(new, { __index = _G, __newindex = function(_, name)
    error(environment.assigned(name), 2)
  end })
end

return environment
