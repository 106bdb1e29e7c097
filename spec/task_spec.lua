-- Tasks of enclave.core, without any sandbox.
local core = require "enclave.core"
local core_support = require "spec.core_support"

core_support.under_each_collector("a task", function()
  it("returns its values through run", function()
    assert.same({ 1, nil, "x", n = 3 }, table.pack(core.run(function(...)
      core.sleep(0)
      return ...
    end, 1, nil, "x")))
    assert.equal(0, select("#", core.run(function() end)))
  end)

  it("starts when the caller waits, in the order of spawn", function()
    local order = {}
    for i = 1, 5 do
      core.spawn(function() order[#order + 1] = i end)
    end
    assert.same({}, order)
    core.sleep(0)
    assert.same({ 1, 2, 3, 4, 5 }, order)
  end)

  it("sleeps beside others", function()
    local from, tasks = core.now(), {}
    for i = 1, 20 do
      tasks[i] = core.spawn(function() return assert(core.sleep(0.2)) end)
    end
    for _, task in ipairs(tasks) do
      assert.is_true(task:join())
    end
    local took = core.now() - from
    assert.is_true(took >= 0.2 and took < 3.9, took)
  end)

  it("can run inside a task, and inside a foreign coroutine", function()
    local values = core.run(function()
      local inner = core.run(function() core.sleep(0.001) return "inner" end)
      local co = coroutine.wrap(function()
        core.sleep(0.001)
        coroutine.yield("one")
        core.sleep(0.001)
        return core.run(function() return "two" end)
      end)
      return { inner, co(), co() }
    end)
    assert.same({ "inner", "one", "two" }, values)
  end)

  it("goes on while many foreign coroutines wait", function()
    local tasks, sum = {}, 0
    for i = 1, 60 do
      tasks[i] = core.spawn(function()
        for value in coroutine.wrap(function()
          for k = 1, 3 do
            core.sleep(0.001)
            coroutine.yield(k)
          end
        end) do
          sum = sum + value
        end
      end)
    end
    for _, task in ipairs(tasks) do
      assert(task:join())
    end
    assert.equal(60 * 6, sum)
  end)

  it("waits where Lua cannot yield", function()
    core.run(function()
      local list = { 3, 1, 2 }
      table.sort(list, function(a, b) core.sleep(0.001) return a < b end)
      assert.same({ 1, 2, 3 }, list)
      assert.equal("bb", (("aa"):gsub("a", function() core.sleep(0) return "b" end)))
    end)
  end)

  it("lets others run at a plain yield", function()
    local order = {}
    local a = core.spawn(function()
      for _ = 1, 2 do order[#order + 1] = "a" coroutine.yield() end
    end)
    local b = core.spawn(function()
      for _ = 1, 2 do order[#order + 1] = "b" coroutine.yield("ignored") end
    end)
    assert(a:join())
    assert(b:join())
    assert.same({ "a", "b", "a", "b" }, order)
  end)

  it("knows itself", function()
    assert.is_nil(core.current())
    local task
    task = core.spawn(function()
      assert.equal(task, core.current())
      assert.equal("running", core.current():status())
      return coroutine.wrap(function() return core.current() end)()
    end)
    assert.equal(task, select(2, assert(task:join())))
    assert.equal("done", task:status())
    assert.is_nil(core.current())
  end)

  it("can be joined by several, and again", function()
    local task = core.spawn(function() core.sleep(0.01) return "v", 2 end)
    local joiners = {}
    for i = 1, 3 do
      joiners[i] = core.spawn(function() return task:join() end)
    end
    for _, joiner in ipairs(joiners) do
      assert.same({ true, true, "v", 2 }, { joiner:join() })
    end
    assert.same({ true, "v", 2 }, { task:join(0) })
  end)

  it("hands on its error with the traceback", function()
    local function culprit() error("boom") end
    local task = core.spawn(function()
      core.sleep(0)
      culprit()
    end)
    local ok, err = task:join()
    assert.is_nil(ok)
    assert.equal("internal", err.code)
    assert.matches("boom", err.message)
    assert.matches("stack traceback:", err.message)
    assert.matches("task_spec.lua:%d+: in upvalue 'culprit'", err.message)
    assert.equal("failed", task:status())
    assert.equal(err.message, tostring(err):gsub("^internal: ", ""))
    local fine, thrown = pcall(core.run, culprit)
    assert.is_false(fine)
    assert.matches("boom\nstack traceback:", thrown)
  end)

  it("hands on error objects as they are", function()
    local object = core.error("lost", "gone", "here")
    assert.equal("lost: gone", tostring(object))
    local ok, err = core.spawn(function() error(object) end):join()
    assert.is_nil(ok)
    assert.equal(object, err)
    local _, thrown = pcall(core.run, function() core.sleep(0) error(object) end)
    assert.equal(object, thrown)
    local _, other = core.spawn(function() error(setmetatable({}, {})) end):join()
    assert.equal("table", type(other))
    local _, none = core.spawn(function() error() end):join()
    assert.matches("error object is a nil value", none.message)
  end)

  it("closes its variables when it fails, and they may wait", function()
    local closed = {}
    local function guard(name)
      return setmetatable({}, { __close = function()
        core.sleep(0.001)
        closed[#closed + 1] = name
      end })
    end
    local ok = core.spawn(function()
      local _ <close> = guard("outer")
      local _ <close> = guard("inner")
      error("x")
    end):join()
    assert.is_nil(ok)
    assert.same({ "inner", "outer" }, closed)
  end)

  it("is cancelled in its wait, and in every later one", function()
    local seen = {}
    local task = core.spawn(function()
      for i = 1, 3 do
        local ok, err = core.sleep(100)
        seen[i] = ok == nil and err.code
      end
      return core.sleep(0)
    end)
    core.sleep(0)
    task:cancel()
    task:cancel()
    local ok, err = task:join()
    assert.same({ nil, "cancelled" }, { ok, err.code })
    assert.same({ "cancelled", "cancelled", "cancelled" }, seen)
    assert.equal("cancelled", task:status())
  end)

  it("is cancelled before it starts, without running", function()
    local ran = false
    local task = core.spawn(function() ran = true end)
    task:cancel()
    assert.equal("cancelled", select(2, task:join()).code)
    assert.is_false(ran)
  end)

  it("may finish its work although it was cancelled", function()
    local task = core.spawn(function()
      core.sleep(10)
      return "cleaned up"
    end)
    core.sleep(0)
    task:cancel()
    assert.same({ true, "cleaned up" }, { task:join() })
    assert.equal("done", task:status())
  end)

  it("can be cancelled while it waits in a foreign coroutine", function()
    local task = core.spawn(function()
      return coroutine.wrap(function() return core.sleep(50) end)()
    end)
    local killer = core.spawn(function() core.sleep(0.01) task:cancel() end)
    local from = core.now()
    assert.equal("cancelled", select(2, task:join()).code)
    assert.is_true(core.now() - from < 10)
    assert(killer:join())
  end)

  it("cancels who joins, not who is joined", function()
    local inner = core.spawn(function() core.sleep(0.05) return "v" end)
    local outer = core.spawn(function() return inner:join() end)
    core.sleep(0)
    outer:cancel()
    assert.equal("cancelled", select(2, outer:join()).code)
    assert.same({ true, "v" }, { inner:join() })
  end)

  it("ends with the scope of a to-be-closed variable", function()
    local reached, task = false
    do
      local scoped <close> = core.spawn(function() core.sleep(100) reached = true return 1 end)
      task = scoped
      core.sleep(0)
    end
    assert.not_equal("running", task:status())
    assert.is_true(reached) -- it went on, cancelled
  end)

  it("tells a join that takes too long", function()
    local go = false
    local task = core.spawn(function()
      repeat core.sleep(0.01) until go
      return 1
    end)
    local from = core.now()
    assert.equal("timeout", select(2, task:join(0.02)).code)
    local took = core.now() - from
    assert.is_true(took >= 0.02 and took < 5, took)
    assert.equal("timeout", select(2, task:join(0)).code)
    go = true
    assert.same({ true, 1 }, { task:join(5) })
  end)

  it("survives its coroutine being resumed or closed by hand", function()
    local co
    local task = core.spawn(function()
      co = coroutine.running()
      return core.sleep(0.02)
    end)
    core.sleep(0)
    assert.is_true(coroutine.resume(co)) -- waits as a foreign coroutine would
    assert.equal("dead", coroutine.status(co))
    task:join()
    local closed
    local other = core.spawn(function()
      closed = coroutine.running()
      return core.sleep(0.05)
    end)
    core.sleep(0)
    coroutine.close(closed)
    collectgarbage()
    assert.is_nil((other:join()))
  end)

  it("ends when its coroutine is closed by hand while nothing else could wake anyone", function()
    local first, second
    local held = {}
    first = core.spawn(function()
      held.closed = coroutine.running()
      return second:join()
    end)
    second = core.spawn(function() return first:join() end)
    core.sleep(0)
    coroutine.close(held.closed)
    held.closed = nil
    local ended, value, err = second:join()
    assert.same({ true, nil, "internal" }, { ended, value, err.code })
  end)

  it("says that its results have gone when its ended coroutine was resumed by hand", function()
    for _, results in ipairs { { 1, 2, print }, { function() end }, { {}, "x" } } do
      local held
      local task = core.spawn(function()
        held = coroutine.running()
        return table.unpack(results)
      end)
      core.sleep(0)
      coroutine.resume(held)
      local value, err = task:join()
      assert.same({ nil, "internal" }, { value, err.code })
    end
  end)

  it("is collected when it has ended", function()
    local weak = setmetatable({}, { __mode = "k" })
    core.run(function()
      local tasks = {}
      for i = 1, 50 do
        tasks[i] = core.spawn(function() core.sleep(0) end)
        weak[tasks[i]] = true
      end
      for _, task in ipairs(tasks) do
        assert(task:join())
      end
    end)
    collectgarbage()
    collectgarbage()
    local left = 0
    for _ in pairs(weak) do left = left + 1 end
    assert.is_true(left <= 1, left) -- the last may still be in a register
  end)
end)
