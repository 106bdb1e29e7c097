-- Pools, sandboxes and runs of enclave.core on the driver that keeps everything in memory.
local core = require "enclave.core"

local function new_pool(options, driver_options, hooks, config)
  options.name = options.name or "spec"
  return assert(core.pool("fake", driver_options, config, options, hooks))
end

local function warm_pool(size, driver_options, hooks, config)
  local pool = new_pool({ size = size }, driver_options, hooks, config)
  assert.equal(size, (assert(pool:warm())))
  return pool
end

---Each must throw an error object with code "invalid" whose message has all the words.
local function misuse(words, call, ...)
  local ok, err = pcall(call, ...)
  assert.is_false(ok)
  assert.equal("enclave.Error", type(err) == "table" and getmetatable(err).__name or err)
  assert.equal("invalid", err.code)
  for word in words:gmatch("%S+") do
    assert(err.message:find(word, 1, true), ("%q is not in: %s"):format(word, err.message))
  end
end

local function child(code)
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
local function fresh(options)
  unique = unique + 1
  options.create_ms = unique / 1e6
  return options
end

local function eventually(test)
  local deadline = core.now() + 10
  while not test() do
    assert(core.now() < deadline, "it never happened")
    core.sleep(0.005)
  end
end

local function specs()
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
      assert.is_true(core.now() - from < 0.05)
      from = core.now()
      assert.equal("timeout", select(2, pool:acquire(0.05)).code)
      local took = core.now() - from
      assert.is_true(took >= 0.05 and took < 0.5, took)
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
      core.sleep(0)
      assert.equal(2, pool:stats().waiting)
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
      eventually(function() return #events >= 4 end)
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

    it("is called off when its pool closes", function()
      local shown, ended
      local pool = new_pool({ size = 1 }, nil, { created = function(sandbox)
        shown = sandbox
        ended = select(2, core.sleep(100))
        return true
      end })
      local warming = core.spawn(function() return pool:warm() end)
      eventually(function() return shown end)
      assert.is_true(pool:close())
      warming:join()
      eventually(function() return ended end)
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
      eventually(function() return #codes == 2 end)
      assert.same({ "lost", "lost" }, codes)
      pool:close()
      warming:join()
      assert.is_true(kept:close())
      core.configure { log_level = "warn" }
    end)
  end)

  describe("a sandbox", function()
    local pool, sandbox
    before_each(function()
      pool = warm_pool(1)
      sandbox = assert(pool:acquire())
    end)
    after_each(function()
      sandbox:close()
      pool:close()
    end)

    it("runs programs", function()
      local result = assert(sandbox:exec { argv = { "err", "to stderr" }, env = { A = "b=c" } })
      assert.equal("exited", result.status)
      assert.equal(0, result.exit_code)
      assert.same({ "", "to stderr\n" }, { result.stdout, result.stderr })
      assert.same({ 0, 10, false }, { result.stdout_total, result.stderr_total, result.truncated })
      assert.equal("number", type(result.wall))
      assert.equal(3, assert(sandbox:exec { argv = { "exit", "3" } }).exit_code)
      local binary = "a\0b\xff"
      assert.equal(binary, assert(sandbox:exec { argv = { "cat" }, stdin = binary }).stdout)
    end)

    it("keeps deadlines", function()
      local from = core.now()
      local result = assert(sandbox:exec { argv = { "sleep", "100" }, timeout = 0.05 })
      assert.equal("timeout", result.status)
      assert.equal("time", result.limit)
      assert.is_nil(result.exit_code)
      assert.is_true(core.now() - from < 5)
    end)

    it("caps output and says so", function()
      local result = assert(sandbox:exec { argv = { "spam", "100000" }, max_output_size = "1k" })
      assert.is_true(result.truncated)
      assert.equal(100000, result.stdout_total)
      assert.is_true(#result.stdout <= 4096)
    end)

    it("hands output on as it comes, in order and complete", function()
      local parts, total = {}, 0
      local result = assert(sandbox:exec { argv = { "spam", "3000000" },
        on_stdout = function(bytes)
          parts[#parts + 1] = bytes
          total = total + #bytes
          if #parts % 10 == 0 then core.sleep(0.001) end
        end })
      assert.equal(3000000, total)
      assert.equal(3000000, result.stdout_total)
      assert.equal("exited", result.status)
      assert.equal("", result.stdout)
      local both = {}
      result = assert(sandbox:exec { argv = { "err", "x" },
        on_stdout = function(bytes) both[#both + 1] = bytes end })
      assert.same({}, both)
      assert.equal("x\n", result.stderr)
    end)

    it("ends with the error of its callback", function()
      local result, err = sandbox:exec { argv = { "hang" },
        on_stdout = function() error("in the callback") end }
      assert.is_nil(result)
      assert.equal("internal", err.code)
      assert.matches("in the callback", err.message)
      sandbox:close("hangs")
      sandbox = assert(pool:acquire(5))
      local object = core.error("invalid", "mine")
      result, err = sandbox:exec { argv = { "echo", "x" },
        on_stdout = function() error(object) end }
      assert.same({ nil, object }, { result, err })
    end)

    it("is killed with the task that waits for it", function()
      local task = core.spawn(function() return sandbox:exec { argv = { "sleep", "100" } } end)
      core.sleep(0.01)
      local from = core.now()
      task:cancel()
      local ok, err = task:join()
      assert.same({ nil, "cancelled" }, { ok, err.code })
      assert.is_true(core.now() - from < 5)
      local inner = core.spawn(function()
        core.current():cancel()
        return sandbox:exec { argv = { "true" } }
      end)
      assert.equal("cancelled", select(2, inner:join()).code)
    end)

    it("keeps the partial output of a failure", function()
      local result, err = sandbox:exec { argv = { "die" } }
      assert.is_nil(result)
      assert.equal("lost", err.code)
      assert.equal("dying\n", err.partial.stdout)
      assert.is_nil(err.partial.exit_code)
    end)

    it("keeps files", function()
      assert.is_true((assert(sandbox:put_file("a/b", "x\0y", { mode = 384, timeout = 5 }))))
      assert.equal("x\0y", (assert(sandbox:get_file("a/b"))))
      assert.equal("", (sandbox:put_file("empty", "") and assert(sandbox:get_file("empty"))))
      assert.equal("not_found", select(2, sandbox:get_file("none")).code)
      assert.equal("invalid", select(2, sandbox:get_file("a/b", { max_size = 1 })).code)
      assert.equal("invalid", select(2, sandbox:put_archive("no tar")).code)
      assert.is_nil((sandbox:put_dir("/no such folder")))
      misuse("path nil string", sandbox.put_file, sandbox)
      misuse("bytes 5 string", sandbox.put_file, sandbox, "a", 5)
      misuse("mod", sandbox.put_file, sandbox, "a", "", { mod = 1 })
      misuse("NUL", sandbox.get_file, sandbox, "a\0b")
    end)

    it("cleans itself", function()
      assert(sandbox:put_file("a", "x"))
      local report = assert(sandbox:reset())
      assert.equal("number", type(report.seconds))
      assert.is_true(report.files >= 1)
      assert.equal("not_found", select(2, sandbox:get_file("a")).code)
    end)

    it("describes itself", function()
      local facts = sandbox:describe()
      assert.equal(sandbox.id, facts.id)
      assert.equal("busy", facts.status)
      assert.equal("table", type(facts.config))
    end)

    it("takes methods of the Lua side", function()
      function core.Sandbox:spec_method(x) return self.id .. x end
      assert.equal(sandbox.id .. "!", sandbox:spec_method("!"))
      core.Sandbox.spec_method = nil
      assert.is_nil(sandbox.spec_method)
    end)

    it("checks its options", function()
      local exec = sandbox.exec
      misuse("argv nil", exec, sandbox, {})
      misuse("options nil table", exec, sandbox)
      misuse("argv empty", exec, sandbox, { argv = {} })
      misuse("argv[2] 5 string", exec, sandbox, { argv = { "a", 5 } })
      misuse("env A 5", exec, sandbox, { argv = { "a" }, env = { A = 5 } })
      misuse('env "A=B"', exec, sandbox, { argv = { "a" }, env = { ["A=B"] = "" } })
      misuse("env 1", exec, sandbox, { argv = { "a" }, env = { "A" } })
      misuse('timeout "5" number', exec, sandbox, { argv = { "a" }, timeout = "5" })
      misuse("on_stdout function", exec, sandbox, { argv = { "a" }, on_stdout = "x" })
      misuse("stdin_open", exec, sandbox, { argv = { "a" }, stdin_open = true })
      misuse("cpus cpu_seconds", exec, sandbox, { argv = { "a" }, limits = { cpus = 1 } })
      misuse("on_stdout", sandbox.start, sandbox, { argv = { "a" }, on_stdout = print })
      for _, bad in ipairs { { timeout = -1 }, { timeout = 0 / 0 }, { cwd = "a\0" },
                             { max_output_size = "many" }, { max_output_size = -1 },
                             { limits = { memory = 1.5 } } } do
        bad.argv = { "true" }
        local result, err = sandbox:exec(bad)
        assert.same({ nil, "invalid" }, { result, err.code })
      end
      assert(sandbox:exec { argv = { "true" }, limits = { memory = "1g", cpu_seconds = 1 } })
      misuse("self", exec, {})
    end)

    it("says closed after it was given back, as often as one likes", function()
      assert.is_true(sandbox:close())
      assert.is_true(sandbox:close())
      for _, call in ipairs { { "exec", { argv = { "true" } } }, { "start", { argv = { "x" } } },
                              { "get_file", "a" }, { "put_file", "a", "" }, { "reset" },
                              { "describe" }, { "put_archive", "" }, { "put_dir", "/tmp" } } do
        local ok, err = sandbox[call[1]](sandbox, table.unpack(call, 2))
        assert.same({ call[1], nil, "closed" }, { call[1], ok, err.code })
      end
    end)

    it("ends what is pending when it is given back under it", function()
      local run = assert(sandbox:start { argv = { "sleep", "100" } })
      local exec = core.spawn(function() return sandbox:exec { argv = { "sleep", "100" } } end)
      local waiting = core.spawn(function() return run:wait() end)
      core.sleep(0.01)
      sandbox:close()
      assert.equal("closed", select(3, exec:join(5)).code)
      assert.equal("closed", select(3, waiting:join(5)).code)
      assert(pool:acquire(5)):close()
    end)
  end)

  describe("a run", function()
    local pool, sandbox
    before_each(function()
      pool = warm_pool(1)
      sandbox = assert(pool:acquire())
    end)
    after_each(function()
      sandbox:close()
      pool:close()
    end)

    it("is read and written piece by piece", function()
      local run <close> = assert(sandbox:start { argv = { "cat" }, stdin_open = true })
      assert.is_true((run:write("one")))
      assert.is_true((run:write("two")))
      run:close_input()
      local text = {}
      for stream, bytes in run.read, run do
        assert.equal("stdout", stream)
        text[#text + 1] = bytes
      end
      assert.equal("onetwo", table.concat(text))
      assert.equal("onetwo", assert(run:wait()).stdout)
      assert.equal("exited", assert(run:wait()).status)
      assert.equal("closed", select(2, run:write("late")).code)
    end)

    it("holds a program back that nobody reads, and lets it go for wait", function()
      local run = assert(sandbox:start { argv = { "spam", "3000000" } })
      core.sleep(0.02)
      assert.equal(3000000, assert(run:wait()).stdout_total)
      assert.is_nil((run:read()))
    end)

    it("is read completely, however much it is", function()
      local run = assert(sandbox:start { argv = { "spam", "5000000" } })
      local total = 0
      for _, bytes in run.read, run do
        total = total + #bytes
      end
      assert.equal(5000000, total)
    end)

    it("can be cancelled, twice, and then says so", function()
      local run = assert(sandbox:start { argv = { "sleep", "100" } })
      core.sleep(0)
      run:cancel()
      run:cancel()
      assert.equal("cancelled", assert(run:wait()).status)
      run:cancel()
    end)

    it("goes on when nobody holds it", function()
      assert(sandbox:start { argv = { "sleep", "0.05" } })
      collectgarbage()
      collectgarbage()
      assert.equal("x\n", assert(sandbox:exec { argv = { "echo", "x" } }).stdout)
      core.sleep(0.1)
    end)

    it("is dropped by its scope", function()
      do
        local run <close> = assert(sandbox:start { argv = { "sleep", "100" } })
        core.sleep(0)
        assert.equal("userdata", type(run))
      end
      assert.equal("x\n", assert(sandbox:exec { argv = { "echo", "x" } }).stdout)
    end)

    it("is told to readers and waiters in several tasks", function()
      local run = assert(sandbox:start { argv = { "sleep", "0.03" } })
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = core.spawn(function() return run:wait() end)
        tasks[i + 3] = core.spawn(function() return run:read() end)
      end
      for i = 1, 3 do
        assert.equal("exited", select(2, assert(tasks[i]:join())).status)
        assert.is_nil((select(2, assert(tasks[i + 3]:join()))))
      end
    end)
  end)

  describe("a sandbox of its own", function()
    it("is made and removed", function()
      local seen = 0
      local sandbox = assert(core.sandbox("fake", nil, {}, function() seen = seen + 1 end))
      assert.equal("running", sandbox:status())
      assert.equal("x\n", assert(sandbox:exec { argv = { "echo", "x" } }).stdout)
      assert.is_true(sandbox:close())
      assert.is_true(sandbox:close())
      assert.equal("closed", select(2, sandbox:exec { argv = { "true" } }).code)
      assert.is_true(seen >= 1)
    end)

    it("tells why it could not be made", function()
      local sandbox, err = core.sandbox("fake",
        fresh { fail_creates = 1, fail_code = "docker", fail_message = "no space" }, {})
      assert.same({ nil, "docker" }, { sandbox, err.code })
      assert.matches("no space", err.message)
      sandbox, err = core.sandbox("fake", { create_ms = 1 }, {}, function() error("stop") end)
      assert.is_nil(sandbox)
      assert.matches("stop", err.message)
    end)

    it("is called off with its task", function()
      local task = core.spawn(function()
        return core.sandbox("fake", { never_ready = true }, {})
      end)
      core.sleep(0.01)
      task:cancel()
      assert.equal("cancelled", select(2, task:join(5)).code)
    end)

    it("says lost when it has died", function()
      local sandbox = assert(core.sandbox("fake", nil, {}))
      assert.equal("lost", select(2, sandbox:exec { argv = { "die" } }).code)
      core.sleep(0.02)
      assert.equal("lost", select(2, sandbox:exec { argv = { "true" } }).code)
      assert.equal("error", sandbox:status())
      assert.is_true(sandbox:close())
    end)

    it("ends its programs when it is closed under them", function()
      local sandbox = assert(core.sandbox("fake", nil, {}))
      local exec = core.spawn(function() return sandbox:exec { argv = { "sleep", "100" } } end)
      core.sleep(0.01)
      assert.is_true(sandbox:close())
      local _, result, err = exec:join(5)
      assert.is_nil(result)
      assert.equal("closed", err.code)
    end)
  end)
end

describe("core", function()
  specs()
end)

describe("core, generational collector,", function()
  setup(function() collectgarbage("generational") end)
  teardown(function() collectgarbage("incremental") end)
  specs()
end)

describe("core, collector without a pause,", function()
  setup(function() collectgarbage("incremental", 1, 1000, 0) end)
  teardown(function() collectgarbage("incremental", 200, 100, 13) end)
  specs()
end)

describe("the host's files", function()
  it("are listed in order, with their types", function()
    local folder = os.tmpname()
    os.remove(folder)
    os.execute(("mkdir %s %s/b; : > %s/a; ln -s a %s/c"):format(folder, folder, folder, folder))
    local list = assert(core.scandir(folder))
    os.execute("rm -r " .. folder)
    assert.same({ { name = "a", type = "file" }, { name = "b", type = "directory" },
                  { name = "c", type = "link" } }, list)
    assert.equal("not_found", select(2, core.scandir(folder)).code)
    assert.equal("not_found", select(2, core.stat(folder)).code)
    assert.equal("directory", core.stat("/").type)
    misuse("path nil", core.stat)
  end)
end)

describe("http", function()
  it("tells what cannot work", function()
    misuse("url nil", core.http, {})
    misuse("method", core.http, { url = "http://localhost/", method = "get it" })
    misuse("headers", core.http, { url = "http://localhost/", headers = { A = "b\r\nC: d" } })
    assert.equal("invalid", select(2, core.http { url = "ftp://x/" }).code)
    assert.equal("unavailable",
      select(2, core.http { url = "http://127.0.0.1:1/x", timeout = 5 }).code)
  end)
end)

describe("closing a state", function()
  it("with everything pending ends in time and without a crash", function()
    local output, code = child [[
      local core = require "enclave.core"
      local pool = assert(core.pool("fake", { destroy_ms = 20, create_ms = 1 }, {},
        { name = "p", size = 2, max_size = 2 },
        { created = function() core.sleep(0) return true end,
          retiring = function() core.sleep(100) end }))
      assert(pool:warm())
      local own = assert(core.sandbox("fake", nil, {}))
      local a, b = assert(pool:acquire()), assert(pool:acquire())
      local run = assert(a:start { argv = { "sleep", "100" } })
      local reader = core.spawn(function() return run:read() end)
      core.spawn(function() return b:exec { argv = { "hang" }, on_stdout = print } end)
      core.spawn(function() return pool:acquire() end)
      core.spawn(function() local s <close> = assert(core.sandbox("fake", nil, {}))
        core.sleep(100) end)
      core.spawn(function() return core.sandbox("fake", { never_ready = true }, {}) end)
      core.spawn(function() return core.http { url = "http://127.0.0.1:9/" } end)
      core.spawn(function() return own:put_file("a", "b") end)
      core.spawn(function() return own:reset() end)
      local other = core.pool("fake", { create_ms = 500 }, {}, { name = "q", size = 3 })
      core.spawn(function() return other:warm(print) end)
      core.sleep(0.05)
      started = core.now()
      keep = { pool, own, a, b, run, reader, other }
    ]]
    assert.equal(0, code, output)
  end)

  it("in any order of collection ends without a crash", function()
    local output, code = child [[
      local core = require "enclave.core"
      for round = 1, 60 do
        local pool = assert(core.pool("fake", nil, {}, { name = "p", size = 1 }))
        local sandbox = assert(pool:acquire())
        local run = assert(sandbox:start { argv = { "sleep", "100" } })
        local own = assert(core.sandbox("fake", nil, {}))
        local task = core.spawn(function() return run:wait() end)
        core.sleep(0)
        local all = { pool, sandbox, run, own }
        for i = #all, 2, -1 do
          local j = (round * 7 + i) % i + 1
          all[i], all[j] = all[j], all[i]
        end
        for i, object in ipairs(all) do
          local meta = debug.getmetatable(object)
          if (round + i) % 3 == 0 then meta.__gc(object) end
          if (round + i) % 2 == 0 then meta.__close(object) end
          if (round + i) % 5 == 0 then meta.__gc(object) meta.__gc(object) end
          if (round + i) % 4 == 0 then collectgarbage() end
        end
        task:cancel()
        task:join(5)
      end
      keep = setmetatable({}, { __gc = function(self)
        print("late", pcall(self.pool.acquire, self.pool, 0))
        print("late", self.sandbox:exec { argv = { "true" } })
        print("late", self.pool:close(), self.sandbox:close())
      end })
      keep.pool = core.pool("fake", nil, {}, { name = "p", size = 1 })
      keep.sandbox = keep.pool:acquire()
    ]]
    assert.equal(0, code, output)
  end)
end)
