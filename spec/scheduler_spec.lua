-- The scheduler of enclave.core, without any sandbox.
local core = require "enclave.core"
local core_support = require "spec.core_support"

local child = core_support.child

local function code_of(ok, err)
  return not ok and type(err) ~= "string" and err.code or err
end

describe("the scheduler", function()
  it("tells a wait that can never end", function()
    local a, b
    local ok, err = pcall(core.run, function()
      a = core.spawn(function() return b:join() end)
      b = core.spawn(function() return a:join() end)
      return a:join()
    end)
    assert.is_false(ok)
    assert.equal("internal", err.code)
    assert.matches("deadlock", err.message)
    a:cancel()
    b:cancel()
    assert.is_true(core.sleep(0.01))
  end)

  it("refuses to join itself", function()
    local task
    task = core.spawn(function() return task:join() end)
    local ok, err = task:join()
    assert.same({ nil, "invalid" }, { ok, err.code })
  end)

  it("checks times in one way", function()
    for _, bad in ipairs { -1, 0 / 0, math.huge, -math.huge } do
      assert.equal("invalid", code_of(core.sleep(bad)))
      local task = core.spawn(function() end)
      assert.equal("invalid", code_of(task:join(bad)))
      assert(task:join())
    end
    for _, bad in ipairs { "1", {}, true } do
      local ok, err = pcall(core.sleep, bad)
      assert.same({ false, "invalid" }, { ok, err.code })
      assert.matches("seconds", err.message)
    end
  end)

  it("throws misuse as an error object", function()
    for _, call in ipairs { function() core.run(1) end, function() core.spawn() end,
                            function() core.error("nonsense", "x") end,
                            function() core.spawn(print).join({}) end,
                            function() core.configure { log_levle = "off" } end,
                            function() core.configure { log_level = "loud" } end } do
      local ok, err = pcall(call)
      assert.is_false(ok)
      assert.equal("invalid", err.code)
    end
    core.run(function() core.sleep(0) end)
  end)

  it("runs tasks in FIFO order, also with many", function()
    local order, tasks = {}, {}
    for i = 1, 2000 do
      tasks[i] = core.spawn(function() core.sleep(0) order[#order + 1] = i end)
    end
    for _, task in ipairs(tasks) do
      assert(task:join())
    end
    for i = 1, 2000 do
      assert.equal(i, order[i])
    end
  end)

  it("logs the failure of a task that nobody joins, once", function()
    local output = child [[
      local core = require "enclave.core"
      local lines = {}
      core.configure { log_level = "info", on_log = function(level, line)
        lines[#lines + 1] = level .. " " .. line
      end }
      core.run(function()
        core.spawn(function() error("nobody saw me") end)
        core.spawn(function() error("I was seen") end):join()
        core.sleep(0.01)
      end)
      collectgarbage() collectgarbage()
      core.log("info", "end")
      core.sleep(0)
      for _, line in ipairs(lines) do print((line:gsub("\n.*", ""))) end
    ]]
    assert.equal(1, select(2, output:gsub("nobody saw me", "")))
    assert.matches("^error a task that nobody joined failed", output)
    assert.is_nil(output:find("I was seen", 1, true))
    assert.matches("info end", output)
  end)

  it("closes what is pending with the state", function()
    local output, code = child [[
      local core = require "enclave.core"
      local function guard(name)
        return setmetatable({}, { __close = function()
          local ok, err = core.sleep(0.01)
          print("closed", name, ok)
        end })
      end
      core.spawn(function() local _ <close> = guard("sleeping") core.sleep(1000) end)
      core.spawn(function()
        local _ <close> = guard("joining")
        core.spawn(function() core.sleep(1000) end):join()
      end)
      core.sleep(0.01)
      core.spawn(function() print("never") end)
    ]]
    assert.equal(0, code)
    assert.matches("closed\tsleeping\ttrue", output)
    assert.matches("closed\tjoining\ttrue", output)
    assert.is_nil(output:find("never", 1, true))
  end)

  it("answers finalizers that run after it was closed", function()
    local output, code = child [[
      local early = setmetatable({}, { __gc = function(self)
        local ok, err = self.core.sleep(0.01)
        print("late", ok, err and err.code, self.task:status())
      end })
      early.core = require "enclave.core"
      early.task = early.core.spawn(function() early.core.sleep(100) end)
      early.core.sleep(0)
      keep = early
    ]]
    assert.equal(0, code)
    assert.matches("late\tnil\tclosed\tcancelled", output)
  end)

  it("allows os.exit inside a task, closing the state or not", function()
    for _, arguments in ipairs { "7", "7, true" } do
      local _, code = child(([[
        local core = require "enclave.core"
        core.spawn(function() core.sleep(100) end)
        core.run(function()
          core.sleep(0.001)
          coroutine.wrap(function() core.sleep(0.001) os.exit(%s) end)()
        end)
      ]]):format(arguments))
      assert.equal(7, code)
    end
  end)
end)
