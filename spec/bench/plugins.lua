-- What tools cost besides their programs: loading them, checking parameters, the bound on what a
-- call may execute.
local core = require "enclave.core"
local measure = require "spec.bench.measure"
local registry = require "enclave.plugins.registry"

local plugins = {}

-- In a process of its own, so that every module is loaded for the first time.
local program = ([[
package.path, package.cpath = %q, %q
local core = require "enclave.core"
local enclave = require "enclave"
local started = core.now()
assert(require("enclave.plugins.registry").new({ interval = math.huge })):tools()
print((core.now() - started) * 1000)]]):format(package.path, package.cpath)

local function loading(rows, options)
  local samples = {}
  for i = 0, options.rounds do
    local pipe = assert(io.popen(("%s -e '%s'"):format(arg[-1], program:gsub("'", "'\\''"))))
    samples[math.max(1, i)] = assert(tonumber(pipe:read("a")), "a process told no time")
    pipe:close()
  end
  table.insert(rows, { key = "tools_load", unit = "ms", what = "loading all built-in tools",
    figure = measure.summary(samples), must = { most = 15 },
    note = "after require 'enclave', with all modules that the tools need" })
end

local function each(options, fn)
  local samples, count = {}, options.batch * 20
  for batch = 0, options.batches do
    samples[math.max(1, batch)] = measure.seconds(function() -- the first is not counted
      for _ = 1, count do
        fn()
      end
    end) / count * 1e6
  end
  return measure.summary(samples)
end

---@param rows table[]
---@param options table
function plugins.measure(rows, options)
  loading(rows, options)
  local tool = assert(assert(registry.new({ interval = math.huge })):tool("python_executor"))
  local parameters = { code = "print(input())", stdin = "1", timeout = 5, args = { "a", "b" },
    env = { A = "1", B = "2" } }
  table.insert(rows, { key = "tools_validate", unit = "µs",
    what = "checking the parameters of a call", must = { most = 20 },
    figure = each(options, function()
      assert(tool.validate(parameters))
    end) })
  local function nothing() end
  table.insert(rows, { key = "tools_bound", unit = "µs", what = "a call with a bound",
    against = "xpcall", figure = each(options, function()
      core.bounded(1000000, nothing)
    end), baseline = each(options, function()
      xpcall(nothing, debug.traceback)
    end) })
end

return plugins
