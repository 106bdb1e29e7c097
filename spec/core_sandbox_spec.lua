-- Sandboxes and runs of enclave.core, on the driver that keeps everything in memory.
local core = require "enclave.core"
local core_support = require "spec.core_support"

local warm_pool = core_support.warm_pool
local fresh = core_support.fresh
local misuse = core_support.misuse

core_support.under_each_collector("core", function()
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
      assert.is_nil((core.archive_folder("/no such folder")))
      assert(sandbox:put_files { ["c/one"] = "1\0", two = "" })
      assert.equal("1\0", (assert(sandbox:get_file("c/one"))))
      assert.equal("", (assert(sandbox:get_file("two"))))
      assert.equal("invalid", select(2, sandbox:put_files { ["../up"] = "x" }).code)
      misuse("files nil table", sandbox.put_files, sandbox)
      misuse("files 5 string", sandbox.put_files, sandbox, { a = 5 })
      misuse("files string", sandbox.put_files, sandbox, { "a" })
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
                              { "describe" }, { "put_archive", "" }, { "put_files", {} },
                              { "put_dir", "/tmp" } } do
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

    it("that asks for more time than it may have is refused", function()
      for _, seconds in ipairs { 301, 1e12 } do
        local result, err = sandbox:exec { argv = { "true" }, timeout = seconds }
        assert.is_nil(result)
        assert.equal("invalid", err.code)
        assert.matches("timeout: .* expected at most its max_timeout, 300", err.message)
      end
      assert(sandbox:exec { argv = { "true" }, timeout = 300 })
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
      local deadline = core.now() + 20
      while sandbox:status() == "stopping" and core.now() < deadline do
        core.sleep(0.01)
      end
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
end)
