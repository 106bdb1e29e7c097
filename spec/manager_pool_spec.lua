-- Borrowing, queues, failures and hooks of pools, in memory.
local enclave = require "enclave"
local support = require "spec.support"

describe("a pool", function()
  local manager, folder
  after_each(function()
    if manager then
      manager:close()
      manager = nil
    end
    if folder then
      folder:remove()
      folder = nil
    end
  end)

  local function open(pool, driver_options, options)
    options = options or {}
    options.driver_options = driver_options
    options.log_level = options.log_level or "off"
    manager = assert(enclave.manager(options))
    pool = pool or {}
    pool.sandbox_type = "fake"
    return manager:initialize_pool(pool)
  end

  -- The fake driver's own programs: sleep, die, spam …
  local function run(argv, options)
    return manager:execute_tool_in_pool("shell_executor", { command = argv }, options)
  end

  local function one_waits()
    support.eventually(function()
      return manager:get_stats().waiting == 1
    end, "one waits")
  end

  local function with_tool(text)
    folder = support.folder()
    folder:write("probe.lua", 'return { name = "probe", api = 1, execute = ' .. text .. " }")
    return { tools = { folder.path } }
  end

  local function with_hook(text)
    folder = support.folder()
    folder:write("probe.lua", "return { name = 'probe', api = 1, " .. text .. " }")
    return { hooks = { folder.path } }
  end

  it("runs a tool and shows its numbers", function()
    local ids = assert(open({ pool_size = 2 }))
    local result = assert(manager:execute_tool_in_pool("python_executor",
      { code = 'print("from pool")' }, { timeout = 30 }))
    assert.equal("success", result.status)
    assert.equal("from pool\n", result.output)
    assert.equal("python_executor", result.tool_name)
    assert.is_true(result.metadata.sandbox_id == ids[1] or result.metadata.sandbox_id == ids[2])
    support.eventually(function()
      return manager:get_stats().idle == 2
    end, "both are idle again")
    local stats = manager:get_stats()
    for key, value in pairs({ manager_type = "local", total_sandboxes = 2, running = true,
      cleanup_interval = 300, pool_size = 2, pool_enabled = true, pool_initialized = true,
      busy = 0, waiting = 0, creating = 0 }) do
      assert.equal(value, stats[key], key)
    end
    assert.same({ idle = 2 }, stats.status_counts)
    assert.same({ fake = 2 }, stats.sandbox_types)
    assert.equal(1, stats.totals.borrowed)
    assert.equal(1, stats.run.count)
    assert.equal(2, stats.pools.default.pool_size)
    assert.is_string(enclave.json.encode(stats))
  end)

  it("serves 200 callers on 4 sandboxes in their order, none lost, none shared", function()
    assert(open({ pool_size = 4 }, nil, with_tool([[(function()
      local active, started = {}, 0
      return function(sandbox, params)
        started = started + 1
        if active[sandbox.id] then
          error("two callers in one sandbox")
        end
        active[sandbox.id] = true
        local turn = started
        sandbox:run{ argv = { "sleep", "0.002" } }
        active[sandbox.id] = nil
        return { output = sandbox.id, metadata = { n = params.n, turn = turn } }
      end
    end)()]])))
    local calls = {}
    for n = 1, 200 do
      calls[n] = function()
        return manager:execute_tool_in_pool("probe", { n = n }, 60)
      end
    end
    local results, first = enclave.gather(calls)
    assert.is_nil(first)
    local boxes = {}
    for n, entry in ipairs(results) do
      assert.equal(n, entry.value.metadata.n)
      assert.equal(n, entry.value.metadata.turn)
      boxes[entry.value.output] = true
    end
    local count = 0
    for _ in pairs(boxes) do
      count = count + 1
    end
    assert.equal(4, count)
    assert.equal(200, manager:get_stats().totals.borrowed)
  end)

  it("waits as long as it is told for a sandbox", function()
    assert(open())
    local busy = enclave.spawn(run, { "sleep", "30" })
    enclave.sleep(0.02)
    for _, timeout in ipairs({ 0, 0.1 }) do
      local started = enclave.now()
      local result, err = run({ "true" }, timeout)
      local took = enclave.now() - started
      assert.is_nil(result)
      assert.equal("timeout", err.code)
      assert.is_true(took >= timeout and took < timeout + 5)
    end
    local waiting = enclave.spawn(run, { "true" }, 30)
    one_waits()
    busy:cancel()
    assert.equal("success", select(2, assert(waiting:join())).status)
    busy:join()
    assert.equal(2, manager:get_stats().totals.timeouts)
  end)

  it("refuses one more than may wait", function()
    assert(open({ max_waiters = 1 }))
    local first = enclave.spawn(run, { "sleep", "30" })
    local second = enclave.spawn(run, { "true" })
    one_waits()
    local result, err = run({ "true" })
    assert.is_nil(result)
    assert.equal("exhausted", err.code)
    first:cancel()
    first:join()
    assert(second:join())
  end)

  it("gives cancelled to those who wait when it is closed", function()
    assert(open())
    local outcomes = {}
    for i = 1, 3 do
      enclave.spawn(function()
        outcomes[i] = table.pack(run({ "sleep", "30" }))
      end)
    end
    enclave.sleep(0.05)
    manager:close()
    support.eventually(function()
      return #outcomes == 3
    end, "all callers heard")
    for i = 1, 3 do
      local result, err = table.unpack(outcomes[i], 1, 2)
      assert.equal("cancelled", result and result.status or err.code, i)
    end
  end)

  it("forgets a waiter that is cancelled", function()
    assert(open())
    local busy = enclave.spawn(run, { "sleep", "30" })
    local task = enclave.spawn(run, { "true" })
    one_waits()
    task:cancel()
    local fine, err = task:join()
    assert.is_nil(fine)
    assert.equal("cancelled", err.code)
    busy:cancel()
    busy:join()
    assert(run({ "true" }, 10))
    assert.equal(2, manager:get_stats().totals.borrowed)
  end)

  it("takes a sandbox back whose caller is cancelled under the run", function()
    assert(open())
    local task = enclave.spawn(run, { "sleep", "60" })
    enclave.sleep(0.05)
    task:cancel()
    task:join()
    assert.equal("success", assert(run({ "true" }, 20)).status)
  end)

  it("keeps a sandbox whose tool failed", function()
    local ids = assert(open())
    local result = assert(run({ "fail" }))
    assert.equal("error", result.status)
    assert.equal("failed\n", result.error)
    assert.equal(ids[1], assert(run({ "true" }, 10)).metadata.sandbox_id)
  end)

  it("tells of a tool that throws, and keeps the sandbox", function()
    local ids = assert(open({}, nil, with_tool("function() local x; return x.y end")))
    local result, err = manager:execute_tool_in_pool("probe")
    assert.is_nil(result)
    assert.equal("internal", err.code)
    assert.matches("the tool probe threw: ", err.message, 1, true)
    assert.matches("probe.lua:1: attempt to index a nil value", err.message, 1, true)
    assert.matches("stack traceback", err.message, 1, true)
    assert.equal(ids[1], assert(run({ "true" }, 10)).metadata.sandbox_id)
  end)

  it("does not blame the caller for a tool's misuse", function()
    assert(open({}, nil, with_tool("function(box) return box:run{ comand = 'x' } end")))
    local result, err = manager:execute_tool_in_pool("probe")
    assert.is_nil(result)
    assert.equal("internal", err.code)
    assert.matches('did you mean "command"', err.message, 1, true)
  end)

  it("tells the borrower of a sandbox that died, and makes another", function()
    local ids = assert(open())
    local result, err = run({ "die" })
    assert.is_nil(result)
    assert.equal("lost", err.code)
    local next_one = assert(run({ "true" }, 20))
    assert.not_equal(ids[1], next_one.metadata.sandbox_id)
  end)

  it("kills a program at its deadline and keeps what it wrote", function()
    assert(open())
    local result = assert(manager:execute_tool_in_pool("shell_executor",
      { command = { "sleep", "60" }, timeout = 0.1 }))
    assert.equal("timeout", result.status)
    assert.matches("timed out after 0.1", result.error, 1, true)
    assert.equal("success", assert(run({ "true" }, 20)).status)
  end)

  it("takes a tool's deadline from tools_config", function()
    assert(open({ config = { tools_config = { shell_executor = { timeout = 0.1 } } } }))
    assert.equal("timeout", assert(run({ "sleep", "60" })).status)
  end)

  it("runs hooks in order around a call; the sandbox comes back clean", function()
    local options = with_hook([[
      on_create = function(box) assert(box:put_file("created", "1")) end,
      on_borrow = function(box, context)
        assert(context.tool_name == "shell_executor" and context.pool == "default")
        assert(box:put_file("borrowed", "1"))
      end,
      on_return = function(box)
        assert(box:get_file("borrowed"))
      end]])
    assert(open({}, nil, options))
    assert.equal("success", assert(run({ "cat", "borrowed" })).status)
    assert.equal("success", assert(run({ "cat", "borrowed" }, 10)).status)
    support.eventually(function()
      return manager:get_stats().idle == 1
    end, "it is idle again")
    assert.same({}, manager:get_stats().totals.retired)
  end)

  for event, code in pairs({
    ["on_borrow that returns an error"] = "on_borrow = function() return nil, 'no' end",
    ["on_borrow that throws"] = "on_borrow = function() error('no') end",
  }) do
    it("retires a sandbox after an " .. event, function()
      local ids = assert(open({}, nil, with_hook(code)))
      local result, err = run({ "true" }, 10)
      assert.is_nil(result)
      assert.equal("internal", err.code)
      assert.matches("hook probe failed: ", err.message, 1, true)
      support.eventually(function()
        local list = manager:list_sandboxes("idle")
        return #list == 1 and list[1].id ~= ids[1]
      end, "another one is there")
    end)
  end

  it("retires a sandbox after an on_return that fails; the result stands", function()
    local ids = assert(open({}, nil, with_hook("on_return = function() error('no') end")))
    assert.equal("success", assert(run({ "true" })).status)
    local other = assert(run({ "true" }, 10))
    assert.not_equal(ids[1], other.metadata.sandbox_id)
    support.eventually(function()
      return manager:get_stats().totals.retired.hook == 2
    end, "both were retired for the hook")
  end)

  it("says how many came up and why others did not", function()
    local ids, err = open({ pool_size = 3 }, { fail_creates = 1, fail_code = "docker" })
    assert.is_true(#ids >= 2) -- the third may be there by now
    assert.equal("docker", err.code)
    assert.matches("2 of 3 sandboxes came up", err.message, 1, true)
    support.eventually(function()
      return manager:get_stats().idle == 3
    end, "the third one came up", 60)
  end)

  it("is gone again when none came up", function()
    local ids, err = open({ pool_size = 2 }, { fail_prepare = true, fail_code = "not_found" })
    assert.is_nil(ids)
    assert.equal("not_found", err.code)
    assert.is_false(manager:get_stats().pool_initialized)
    assert.equal(0, manager:get_stats().total_sandboxes)
  end)

  it("replaces a sandbox that could not be cleaned", function()
    local ids = assert(open({}, { fail_resets = 1 }))
    assert(run({ "echo", "x" }))
    assert.not_equal(ids[1], assert(run({ "true" }, 10)).metadata.sandbox_id)
  end)

  it("leaves pools of other names apart", function()
    local a = assert(open({ name = "a" }))
    local b = assert(manager:initialize_pool{ name = "b", sandbox_type = "fake" })
    assert.equal(a[1], assert(run({ "true" }, { pool = "a" })).metadata.sandbox_id)
    assert.equal(b[1], assert(run({ "true" }, { pool = "b" })).metadata.sandbox_id)
    assert.equal(2, manager:get_stats().total_sandboxes)
    assert.is_false(manager:get_stats().pool_enabled)
  end)

  it("lets a tool call another one", function()
    assert(open({}, nil, with_tool([[function(box)
      local result = assert(box:execute_tool("shell_executor", { command = { "echo", "x" } }))
      return "from the other: " .. result.output
    end]])))
    assert.equal("from the other: x\n", assert(manager:execute_tool_in_pool("probe")).output)
  end)

  it("works under an aggressive collector", function()
    collectgarbage("generational")
    collectgarbage("incremental", 1, 1000)
    finally(function()
      collectgarbage("incremental", 200, 100)
    end)
    assert(open({ pool_size = 2 }))
    local calls = {}
    for i = 1, 40 do
      calls[i] = function()
        return run({ "echo", tostring(i) })
      end
    end
    for i, entry in ipairs(assert(enclave.gather(calls))) do
      assert.equal(i .. "\n", entry.value.output)
    end
  end)
end)
