-- Many callers and many sandboxes, on the driver that keeps everything in memory.
local core = require "enclave.core"
local core_support = require "spec.core_support"
local enclave = require "enclave"
local support = require "spec.support"

-- Where everything is collected all the time there are fewer, and memory is not measured.
local collects = os.getenv("ENCLAVE_SPEC_GC") == "1"
local callers = collects and 300 or 10000
local most_memory = 64 * 1024 * 1024

-- Bytes of this process that are in memory, what is garbage given back.
local function resident()
  collectgarbage()
  collectgarbage()
  for line in io.lines("/proc/self/status") do
    local kib = line:match("^VmRSS:%s*(%d+) kB")
    if kib then
      return kib * 1024
    end
  end
  error("/proc/self/status has no VmRSS")
end

local function within(before, what)
  if not collects then
    local grown = resident() - before
    assert(grown <= most_memory, ("%s took %.1f MiB"):format(what, grown / 1024 / 1024))
  end
end

local function join(tasks)
  for _, task in ipairs(tasks) do
    assert(task:join(120))
  end
end

describe("under load", function()
  it("a pool of 4 serves its waiters in the order they came, in little memory", function()
    local pool <close> = core_support.warm_pool(4)
    local held, order, tasks = {}, {}, {}
    for i = 1, 4 do
      held[i] = assert(pool:acquire())
    end
    local before = resident()
    for i = 1, callers do
      tasks[i] = core.spawn(function()
        local sandbox <close> = assert(pool:acquire(300))
        order[#order + 1] = i
        if i % 3 == 0 then
          core.sleep(0) -- some keep theirs longer
        end
        assert.equal("busy", sandbox:status())
      end)
    end
    support.eventually(function()
      return pool:stats().waiting == callers
    end, "all wait", 60)
    within(before, callers .. " waiters")
    assert.equal(4, pool:stats().busy)
    for i = 1, 4 do
      held[i]:close()
    end
    join(tasks)
    assert.equal(callers, #order)
    for i = 1, callers do
      assert.equal(i, order[i])
    end
    local stats = pool:stats()
    assert.same({ 4 + callers, 4, 0 },
      { stats.totals.borrowed, stats.pool_size, stats.busy + stats.waiting })
  end)

  it("as many calls of a tool wait for 4 sandboxes in little memory, and all succeed", function()
    local manager <close> = assert(enclave.manager())
    assert(manager:initialize_pool{ pool_size = 4, sandbox_type = "fake" })
    local function call(...)
      return manager:execute_tool_in_pool("shell_executor", { command = { ... } },
        { timeout = 300 })
    end
    local held, tasks, done = {}, {}, 0
    for i = 1, 4 do
      held[i] = core.spawn(call, "sleep", "3600")
    end
    support.eventually(function()
      return manager:get_stats().busy == 4
    end, "all are busy")
    local before = resident()
    for i = 1, callers do
      tasks[i] = core.spawn(function()
        assert.equal(i .. "\n", assert(call("echo", tostring(i))).output)
        done = done + 1
      end)
    end
    support.eventually(function()
      return manager:get_stats().waiting == callers
    end, "all wait", 60)
    within(before, callers .. " calls")
    for i = 1, 4 do
      held[i]:cancel()
    end
    join(tasks)
    assert.equal(callers, done)
    assert.equal(0, manager:get_stats().waiting)
  end)

  it("200 sandboxes are warmed, all used, and closed with nothing left", function()
    local pending = core.pending()
    local manager <close> = assert(enclave.manager())
    assert.equal(200, #assert(manager:initialize_pool{ pool_size = 200, sandbox_type = "fake" }))
    local used, tasks = {}, {}
    for i = 1, 200 do
      tasks[i] = core.spawn(function()
        local result = assert(manager:execute_tool_in_pool("shell_executor",
          { command = { "sleep", "0.05" } }, { timeout = 60 }))
        assert.equal("success", result.status)
        used[result.metadata.sandbox_id] = true
      end)
    end
    join(tasks)
    local different = 0
    for _ in pairs(used) do
      different = different + 1
    end
    assert.equal(200, different) -- the one that rests longest is next
    support.eventually(function()
      return manager:get_stats().idle == 200
    end, "all are idle again")
    manager:close()
    assert.same({}, manager:list_sandboxes())
    assert.same(pending, core.pending())
  end)

  it("a pool that many wait for delays nobody in another", function()
    local manager <close> = assert(enclave.manager())
    for _, name in ipairs{ "flooded", "quiet" } do
      assert(manager:initialize_pool{ name = name, pool_size = 1, sandbox_type = "fake" })
    end
    local function call(name, command)
      return assert(manager:execute_tool_in_pool("shell_executor", { command = command },
        { pool = name, timeout = 300 }))
    end
    local flood = collects and 400 or 2000
    local tasks, flooded_done = {}, 0
    for i = 1, flood do
      tasks[i] = core.spawn(function()
        call("flooded", { "true" })
        flooded_done = flooded_done + 1
      end)
    end
    -- Each pool has one sandbox: in the time of 20 calls in the one there are about 20 in the
    -- other, however many wait for it.
    for _ = 1, 20 do
      assert.equal("quiet\n", call("quiet", { "echo", "quiet" }).output)
    end
    assert(flooded_done < 200, flooded_done .. " calls in the other pool went before")
    join(tasks)
    assert.equal(flood, flooded_done)
  end)
end)
