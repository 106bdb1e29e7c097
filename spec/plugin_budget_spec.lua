-- What plugins may do to the program that they are part of: what does not end is stopped, and what
-- all share cannot be changed.
local core = require "enclave.core"

describe("a call with a bound", function()
  local small = 100000

  it("is a pcall with a traceback", function()
    assert.same({ true, 3, nil, "x" }, { core.bounded(small, function(a, b)
      return a + b, nil, "x"
    end, 1, 2) })
    local fine, message = core.bounded(small, function() error("broken") end)
    assert.is_false(fine)
    assert.matches("broken\nstack traceback:", message, 1, true)
    local thrown = {}
    assert.equal(thrown, select(2, core.bounded(small, error, thrown)))
    assert.has_error(function() core.bounded("x", print) end)
    assert.has_error(function() core.bounded(1, "x") end)
  end)

  local endless = {
    ["a loop"] = function() while true do end end,
    ["a loop that catches its errors"] = function()
      while true do
        pcall(function() while true do end end)
      end
    end,
    ["coroutines"] = function()
      while true do
        pcall(coroutine.wrap(function() while true do end end))
      end
    end,
    ["many short coroutines"] = function()
      while true do
        coroutine.wrap(function() for _ = 1, 100 do end end)()
      end
    end,
    ["a loop that lets others run"] = function()
      while true do
        core.sleep(0)
      end
    end,
    ["what sorts"] = function()
      table.sort({ 3, 1, 2 }, function() while true do end end)
    end,
    ["what replaces"] = function()
      return (("x"):gsub(".", function() while true do end end))
    end,
    ["a metamethod"] = function()
      return tostring(setmetatable({}, { __tostring = function() while true do end end }))
    end,
    ["what closes"] = function()
      local _ <close> = setmetatable({}, { __close = function() while true do end end })
    end,
    ["recursion that catches its errors"] = function()
      local function again()
        while true do
          pcall(again)
        end
      end
      again()
    end,
    ["a handler of errors, as plugins have it"] = function()
      local call = require("enclave.plugins.environment").new().xpcall
      while true do
        call(error, function() while true do end end)
      end
    end,
    ["tasks that start tasks"] = function()
      while true do
        core.spawn(function() end)
      end
    end,
    ["an inner call with more"] = function()
      local fine, message = core.bounded(1000 * small, function() while true do end end)
      assert(fine, message)
    end,
  }
  for what, fn in pairs(endless) do
    it("ends " .. what .. ", in a script and in a task", function()
      local function stopped()
        local hook = debug.gethook()
        local fine, message = core.bounded(small, fn)
        assert.is_false(fine)
        assert.matches("stopped after 100000 instructions", tostring(message), 1, true)
        assert.equal(hook, debug.gethook())
      end
      stopped()
      core.run(stopped)
    end)
  end

  it("counts for the tasks that it starts, too", function()
    core.run(function()
      local fine, ended, err = core.bounded(small, function()
        return core.spawn(function() while true do end end):join()
      end)
      assert.is_true(fine)
      assert.is_nil(ended)
      assert.matches("stopped after", err.message, 1, true)
    end)
  end)

  it("leaves to-be-closed variables the time to do their work", function()
    local closed
    assert.is_false(core.bounded(small, function()
      local _ <close> = setmetatable({}, { __close = function()
        local count = 0
        for _ = 1, 1000 do
          count = count + 1
        end
        closed = count
      end })
      while true do end
    end))
    assert.equal(1000, closed)
  end)

  it("ends when its task is cancelled, and leaves others unbounded", function()
    core.run(function()
      local task = core.spawn(function()
        return core.bounded(small, core.sleep, 60)
      end)
      core.sleep(0)
      task:cancel()
      task:join()
      local count = 0
      for _ = 1, 10 * small do
        count = count + 1
      end
      assert.equal(10 * small, count)
    end)
  end)
end)

describe("the globals of a plugin", function()
  local env = require("enclave.plugins.environment").new()
  local function run(text)
    return pcall(assert(load(text, "=plugin", "t", env)))
  end

  it("are Lua's, and cannot be changed", function()
    assert.same({ true, "aa", 3 }, { run("return ('a'):rep(2), math.max(1, 3)") })
    assert.same({ true, "function" }, { run("return type(getmetatable('').__index.rep)") })
    assert.same({ true, true }, { run("for name in pairs(string) do if name == 'rep' then"
      .. " return true end end") })
    for text, why in pairs({ ["x = 1"] = 'the global "x"', ["print = nil"] = 'the global "print"',
      ["_G.x = 1"] = 'the global "x"', ["string.rep = nil"] = '"rep" of string',
      ["getmetatable('').__index = nil"] = "metatable of strings",
      ["setmetatable({}, { __gc = print })"] = "cannot have __gc",
      ["debug.sethook()"] = "sethook" }) do
      local fine, problem = run(text)
      assert.is_false(fine, text)
      assert.matches(why, problem, 1, true)
    end
  end)

  it("call handlers of errors as ever", function()
    assert.same({ true, false, "plugin:1: x!" }, { run("return xpcall(error, function(problem)"
      .. " return problem .. '!' end, 'plugin:1: x')") })
    assert.same({ true, true, 5 }, { run("return xpcall(math.max, print, 4, 5)") })
  end)
end)
