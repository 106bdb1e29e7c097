-- Pools and their hooks of enclave.core, on the driver that keeps everything in memory.
local core = require "enclave.core"
local core_support = require "spec.core_support"
local support = require "spec.support"

local new_pool = core_support.new_pool
local warm_pool = core_support.warm_pool
local fresh = core_support.fresh
local misuse = core_support.misuse

core_support.under_each_collector("core", function()
  describe("a pool", function()
    it("warms up and reports its progress", function()
      local seen = {}
      local pool <close> = new_pool({ size = 3 })
      local up, err = pool:warm(function(what, part, current, total)
        assert.equal("string", type(part))
        seen[#seen + 1] = what
        assert.is_true(total == 0 or current <= total)
        core.sleep(0) -- a callback may wait
      end)
      assert.same({ 3, nil }, { up, err })
      assert.is_true(#seen >= 1)
      assert.equal(3, pool:stats().idle)
      assert.equal(3, #pool:sandboxes())
      assert.equal("table", type(pool:config()))
    end)

    it("gives an error in the progress callback as its own", function()
      local pool <close> = new_pool({ size = 1 })
      local up, err = pool:warm(function() error("in the callback") end)
      assert.is_nil(up)
      assert.matches("in the callback", err.message)
    end)

    it("tells how many came up when some did not", function()
      core.configure { log_level = "off" }
      local pool <close> = new_pool({ size = 3 }, fresh { fail_creates = 1 })
      local up, err = pool:warm()
      assert.equal(2, up)
      assert.is_string(err.message)
      local broken <close> = new_pool({ size = 2 },
        fresh { fail_creates = 100, fail_code = "not_found", fail_message = "no such image" })
      up, err = broken:warm()
      assert.same({ nil, "not_found" }, { up, err.code })
      core.configure { log_level = "warn" }
    end)

    it("serves 200 tasks on 4 sandboxes in FIFO order", function()
      local pool <close> = warm_pool(4)
      local held, order, tasks, most = {}, {}, {}, 0
      for i = 1, 200 do
        tasks[i] = core.spawn(function()
          local sandbox <close> = assert(pool:acquire(30))
          order[#order + 1] = i
          assert.is_nil(held[sandbox.id])
          held[sandbox.id] = true
          local count = 0
          for _ in pairs(held) do count = count + 1 end
          most = math.max(most, count)
          assert.equal("x\n", assert(sandbox:exec { argv = { "echo", "x" } }).stdout)
          core.sleep(0)
          held[sandbox.id] = nil
        end)
      end
      for _, task in ipairs(tasks) do
        assert(task:join())
      end
      for i = 1, 200 do
        assert.equal(i, order[i])
      end
      assert.equal(4, most)
      local stats = pool:stats()
      assert.same({ 200, 0 }, { stats.totals.borrowed, stats.busy + stats.waiting })
    end)

    it("keeps to the timeout of a waiter", function()
      local pool <close> = warm_pool(1)
      local held <close> = assert(pool:acquire())
      local from = core.now()
      assert.equal("timeout", select(2, pool:acquire(0)).code)
      assert.is_true(core.now() - from < 5)
      from = core.now()
      assert.equal("timeout", select(2, pool:acquire(0.05)).code)
      local took = core.now() - from
      assert.is_true(took >= 0.05 and took < 5, took)
      assert.equal("invalid", select(2, pool:acquire(-1)).code)
      assert.equal("invalid", select(2, pool:acquire(0 / 0)).code)
      misuse('timeout "soon" number', pool.acquire, pool, "soon")
      assert.equal("busy", held:status())
    end)

    it("lets a cancelled waiter leave the queue", function()
      local pool <close> = warm_pool(1)
      local held = assert(pool:acquire())
      local first = core.spawn(function() return pool:acquire() end)
      local second = core.spawn(function() return pool:acquire() end)
      repeat core.sleep(0) until pool:stats().waiting == 2
      first:cancel()
      assert.equal("cancelled", select(2, first:join()).code)
      assert.equal(1, pool:stats().waiting)
      held:close()
      local _, sandbox = assert(second:join())
      sandbox:close()
    end)

    it("takes back what a cancelled task was just given", function()
      local pool <close> = warm_pool(1)
      local held = assert(pool:acquire())
      local task = core.spawn(function()
        local sandbox = pool:acquire()
        if sandbox then sandbox:close() end
      end)
      core.sleep(0)
      held:close()
      task:cancel()
      task:join()
      local again <close> = assert(pool:acquire(5))
      assert.equal("busy", again:status())
    end)

    it("gives cancelled to its waiters and closes what was lent when it closes", function()
      local pool = warm_pool(1)
      local held = assert(pool:acquire())
      local waiters = {}
      for i = 1, 5 do
        waiters[i] = core.spawn(function() return pool:acquire() end)
      end
      local running = core.spawn(function() return held:exec { argv = { "sleep", "100" } } end)
      local run = assert(held:start { argv = { "sleep", "100" } })
      core.sleep(0.01)
      assert.is_true(pool:close())
      for _, waiter in ipairs(waiters) do
        assert.equal("cancelled", select(3, waiter:join()).code)
      end
      local _, ended, why = running:join(5)
      assert.same({ nil, "cancelled" }, { ended, why.code })
      local result, err = run:wait()
      assert.is_nil(result)
      assert.is_true(err.code == "cancelled" or err.code == "closed")
      assert.equal("closed", select(2, held:exec { argv = { "true" } }).code)
      assert.equal("closed", select(2, pool:acquire()).code)
      assert.equal("closed", select(2, pool:stats()).code)
      assert.equal("stopped", held:status())
      assert.is_true(held:close())
      assert.is_true(pool:close())
    end)

    it("can be closed by several at once, and while it warms up", function()
      local pool = new_pool({ size = 2 }, { create_ms = 200, destroy_ms = 20 })
      local warming = core.spawn(function() return pool:warm() end)
      core.sleep(0.01)
      local a, b = core.spawn(pool.close, pool), core.spawn(pool.close, pool)
      assert(a:join(10))
      assert(b:join(10))
      assert.equal("cancelled", select(3, warming:join(10)).code)
    end)

    it("stays open as long as something of it is lent", function()
      local sandbox = assert(warm_pool(1):acquire())
      collectgarbage()
      collectgarbage()
      core.sleep(0.01)
      assert.equal("ok\n", assert(sandbox:exec { argv = { "echo", "ok" } }).stdout)
      sandbox:close()
    end)

    it("gets a forgotten sandbox back from the collector, retired", function()
      local pool <close> = warm_pool(1)
      local id = assert(pool:acquire()).id
      collectgarbage()
      collectgarbage()
      local sandbox <close> = assert(pool:acquire(5))
      assert.not_equal(id, sandbox.id)
      assert.equal(1, pool:stats().totals.retired.leaked)
    end)

    it("retires a sandbox for the reason given", function()
      local pool <close> = warm_pool(1)
      local first = assert(pool:acquire())
      local id = first.id
      first:close("worn")
      local second <close> = assert(pool:acquire(5))
      assert.not_equal(id, second.id)
      assert.equal(1, pool:stats().totals.retired.worn)
    end)

    it("checks its arguments", function()
      misuse("driver 5 string", core.pool, 5)
      misuse("config table", core.pool, "fake", nil, "x", {})
      misuse("sice", core.pool, "fake", nil, {}, { sice = 1 })
      misuse("creatd", core.pool, "fake", nil, {}, {}, { creatd = print })
      misuse("created function", core.pool, "fake", nil, {}, {}, { created = 1 })
      misuse("imagee", core.pool, "fake", nil, { imagee = "x" }, {})
      misuse("memory_limit function", core.pool, "fake", nil, { memory_limit = print }, {})
      for _, config in ipairs { { memory_limit = "12q" }, { image = "a\xff" },
                                { timeout = 0 / 0 }, { timeout = math.huge } } do
        local pool, err = core.pool("fake", nil, config, {})
        assert.same({ nil, "invalid" }, { pool, err.code })
      end
      local deep = {}
      for _ = 1, 100 do deep = { deep } end
      assert.equal("invalid", select(2, core.pool("fake", nil, { env_vars = deep }, {})).code)
      assert.is_nil((core.pool("nonsense", nil, {}, {})))
    end)
  end)

  describe("a hook of a pool", function()
    it("runs as a task before a sandbox is lent and before it goes", function()
      local events = {}
      local pool = warm_pool(2, nil, {
        created = function(sandbox)
          assert(core.current())
          core.sleep(0.001)
          assert(sandbox:exec { argv = { "true" } })
          events[#events + 1] = "created " .. sandbox.id
          return true
        end,
        retiring = function(sandbox, reason)
          core.sleep(0.001)
          assert(sandbox:exec { argv = { "true" } })
          events[#events + 1] = reason
        end,
      })
      assert.equal(2, #events)
      local sandbox = assert(pool:acquire())
      sandbox:close("worn")
      support.eventually(function() return #events >= 4 end)
      pool:close()
      table.sort(events)
      assert.same({ "closed", "closed" }, { events[1], events[2] })
      assert.equal("worn", events[#events])
    end)

    it("that fails or refuses keeps a sandbox from being lent", function()
      core.configure { log_level = "off" }
      for _, hook in ipairs { function() error("no") end, function() return nil end,
                              function() return false, core.error("invalid", "no") end,
                              function() error(core.error("invalid", "no")) end } do
        local pool <close> = new_pool({ size = 1 }, nil, { created = hook })
        local up, err = pool:warm()
        assert.is_nil(up)
        assert.is_string(err.message)
      end
      core.configure { log_level = "warn" }
    end)

    it("that does not end keeps nobody waiting: it has max_timeout", function()
      core.configure { log_level = "off" }
      local ended
      local pool <close> = new_pool({ size = 1 }, nil, { created = function()
        ended = select(2, core.sleep(1000))
        return true
      end }, { max_timeout = 0.2 })
      local up, err = pool:warm()
      assert.is_nil(up)
      assert.equal("timeout", err.code)
      assert.matches("did not end within 0.2 seconds, the config's max_timeout", err.message, 1,
        true)
      support.eventually(function() return ended end)
      assert.equal("cancelled", ended.code)
      core.configure { log_level = "warn" }
    end)

    it("is called off when its pool closes", function()
      local shown, ended
      local pool = new_pool({ size = 1 }, nil, { created = function(sandbox)
        shown = sandbox
        ended = select(2, core.sleep(100))
        return true
      end })
      local warming = core.spawn(function() return pool:warm() end)
      support.eventually(function() return shown end)
      assert.is_true(pool:close())
      warming:join()
      support.eventually(function() return ended end)
      assert.equal("cancelled", ended.code)
      assert.equal("string", type(select(2, shown:exec { argv = { "true" } }).code))
      assert.is_true(shown:close())
    end)

    it("does not keep a sandbox that died under it", function()
      core.configure { log_level = "off" }
      local kept, codes = nil, {}
      local pool = new_pool({ size = 1 }, nil, { created = function(sandbox)
        kept = sandbox
        codes[1] = select(2, sandbox:exec { argv = { "die" } }).code
        core.sleep(0.02)
        codes[2] = select(2, sandbox:exec { argv = { "true" } }).code
        return true
      end })
      local warming = core.spawn(function() return pool:warm() end)
      support.eventually(function() return #codes == 2 end)
      assert.same({ "lost", "lost" }, codes)
      pool:close()
      warming:join()
      assert.is_true(kept:close())
      core.configure { log_level = "warn" }
    end)
  end)
end)
