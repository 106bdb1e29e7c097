-- What the specs of enclave.core on the driver that keeps everything in memory share.
local assert = require "luassert"
local busted = require "busted"
local core = require "enclave.core"

local core_support = {}

function core_support.new_pool(options, driver_options, hooks, config)
  options.name = options.name or "spec"
  return assert(core.pool("fake", driver_options, config, options, hooks))
end

function core_support.warm_pool(size, driver_options, hooks, config)
  local pool = core_support.new_pool({ size = size }, driver_options, hooks, config)
  assert.equal(size, (assert(pool:warm())))
  return pool
end

---Each must throw an error object with code "invalid" whose message has all the words.
function core_support.misuse(words, call, ...)
  local ok, err = pcall(call, ...)
  assert.is_false(ok)
  assert.equal("enclave.Error", type(err) == "table" and getmetatable(err).__name or err)
  assert.equal("invalid", err.code)
  for word in words:gmatch("%S+") do
    assert(err.message:find(word, 1, true), ("%q is not in: %s"):format(word, err.message))
  end
end

---Runs Lua code in a process of its own; what it printed (both streams) and its exit code.
function core_support.child(code)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(code)
  file:close()
  local pipe = assert(io.popen(("timeout 60 lua5.4 %s 2>&1; echo \"exit $?\""):format(path)))
  local output = pipe:read("a")
  pipe:close()
  os.remove(path)
  return output, tonumber(output:match("exit (%d+)\n$"))
end

---Options of the driver that no other pool shares: its counters start anew.
local unique = 0
function core_support.fresh(options)
  unique = unique + 1
  options.create_ms = unique / 1e6
  return options
end

---The same specs, whatever the collector does.
function core_support.under_each_collector(name, specs)
  local modes = {
    { "as it is" },
    { "generational", "generational" },
    { "without a pause", "incremental", 1, 1000, 0 },
  }
  for _, mode in ipairs(modes) do
    busted.describe(("%s (collector: %s)"):format(name, mode[1]), function()
      if mode[2] then
        busted.setup(function()
          collectgarbage(table.unpack(mode, 2))
        end)
        busted.teardown(function()
          collectgarbage("incremental", 200, 100, 13)
        end)
      end
      specs()
    end)
  end
end

return core_support
