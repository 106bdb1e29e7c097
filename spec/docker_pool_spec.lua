-- The main job on a real Docker Engine.
local enclave = require "enclave"
local support = require "spec.support"

describe("a pool on Docker", function()
  local manager

  local function open(options, of_manager)
    options = options or {}
    options.config = options.config or {}
    options.config.image = options.config.image or support.image
    manager = assert(enclave.manager(of_manager))
    return manager:initialize_pool(options)
  end

  local function python(code, options)
    return manager:execute_tool_in_pool("python_executor",
      type(code) == "table" and code or { code = code }, options or 60)
  end

  local function shell(command, options)
    return manager:execute_tool_in_pool("shell_executor",
      type(command) == "table" and command.command and command or { command = command },
      options or 60)
  end

  describe("of two", function()
    setup(function()
      assert(open({ pool_size = 2 }))
    end)
    teardown(function()
      manager:close()
    end)

    it("runs Python", function()
      local result = assert(python('print("from pool")', { timeout = 30 }))
      assert.equal("success", result.status)
      assert.equal("from pool\n", result.output)
      assert.is_nil(result.error)
      assert.equal(0, result.metadata.exit_code)
    end)

    it("keeps stdout and stderr apart, and shows tracebacks", function()
      local result = assert(python('import sys\nprint("out")\nprint("err", file=sys.stderr)'))
      assert.equal("out\n", result.output)
      assert.equal("err\n", result.error)
      assert.equal("success", result.status)
      result = assert(python("print('before')\nraise ValueError('no')"))
      assert.equal("error", result.status)
      assert.equal("before\n", result.output)
      assert.matches("ValueError: no", result.error, 1, true)
      assert.matches("line 2", result.error, 1, true)
      assert.equal(1, result.metadata.exit_code)
      assert.equal("error", assert(python("import sys; sys.exit(7)")).status)
      assert.equal(7, assert(python("import sys; sys.exit(7)")).metadata.exit_code)
    end)

    it("passes stdin, arguments and environment", function()
      local result = assert(python{ code = [[
import os, sys
print(sys.stdin.read(), sys.argv[1:], os.environ["GREETING"])]], stdin = "in",
        args = { "a b", "'\"$x" }, env = { GREETING = "hällo" } })
      assert.equal("in ['a b', '\\'\"$x'] hällo\n", result.output)
      assert.equal("", assert(python("import sys; print(sys.stdin.read(), end='')")).output)
    end)

    it("carries unicode and any bytes", function()
      assert.equal("日本語 🎉\n", assert(python("print('日本語 🎉')")).output)
      local all = {}
      for i = 0, 255 do
        all[#all + 1] = string.char(i)
      end
      assert.equal(table.concat(all),
        assert(python("import sys; sys.stdout.buffer.write(bytes(range(256)))")).output)
      assert.equal(table.concat(all), assert(python{
        code = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())",
        stdin = table.concat(all) }).output)
    end)

    it("carries 8 MiB in and out, where that is allowed", function()
      local bytes = ("0123456789abcdef"):rep(512 * 1024)
      assert(manager:initialize_pool{ name = "large", pool_size = 1,
        config = { image = support.image, max_output_size = "16m" } })
      local result = assert(python({ stdin = bytes,
        code = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())" },
        { pool = "large", timeout = 60 }))
      assert.is_true(result.output == bytes)
      assert.is_false(result.metadata.truncated)
      assert(manager:close_pool("large"))
    end)

    it("keeps the first and the last part of too much output, and counts all", function()
      local result = assert(python("print('first'); print('x' * 8388608); print('last')"))
      assert.equal("success", result.status)
      assert.is_true(result.metadata.truncated)
      assert.equal(6 + 8388609 + 5, result.metadata.stdout_total)
      assert.is_true(#result.output <= 1200 * 1024)
      assert.equal("first\n", result.output:sub(1, 6))
      assert.equal("last\n", result.output:sub(-5))
    end)

    it("kills a program at its deadline inside the sandbox, and keeps its output", function()
      local started = enclave.now()
      local result = assert(python{ timeout = 1,
        code = "import time\nprint('working', flush=True)\ntime.sleep(600)" })
      assert.is_true(enclave.now() - started < 20)
      assert.equal("timeout", result.status)
      assert.equal("working\n", result.output)
      assert.matches("timed out after 1", result.error, 1, true)
      for _ = 1, 2 do
        local left = assert(shell("for d in /proc/[0-9]*; do tr '\\0' ' ' < $d/cmdline;"
          .. " echo; done 2>/dev/null | grep -c 'main[.]py' || true"))
        assert.equal("0\n", left.output)
      end
    end)

    it("takes a string for the shell and a list for a program", function()
      assert.equal("a b\n3\n", assert(shell("echo 'a b'; echo $((1 + 2))")).output)
      assert.equal("$HOME; *\n", assert(shell({ "echo", "$HOME; *" })).output)
      local result = assert(shell("exit 3"))
      assert.equal("error", result.status)
      assert.equal(3, result.metadata.exit_code)
      assert.equal("exit code 3", result.error)
      result = assert(shell("kill -9 $$"))
      assert.equal("error", result.status)
      assert.matches("SIGKILL", result.error, 1, true)
      result = assert(shell({ "no-such-program" }))
      assert.equal("error", result.status)
      local none, err = shell({})
      assert.is_nil(none)
      assert.equal("invalid", err.code)
    end)

    it("runs a shell script that is longer than an argument may be", function()
      local result = assert(shell("# " .. ("x"):rep(300000) .. "\necho done"))
      assert.equal("done\n", result.output)
    end)

    it("leaves nothing behind: files, daemons", function()
      for _ = 1, 2 do
        assert(shell("echo secret > left; echo secret > /tmp/left; mkdir -p a/b; "
          .. "(setsid sh -c 'sleep 300' > /dev/null 2>&1 &)"))
      end
      for _ = 1, 4 do
        local result = assert(shell("ls -A . /tmp; for d in /proc/[0-9]*; do"
          .. " tr '\\0' ' ' < $d/cmdline; echo; done 2>/dev/null | grep -c '[s]leep 300'"))
        assert.is_nil(result.output:find("left", 1, true))
        assert.matches("\n0\n$", result.output)
      end
    end)

    it("does not wait for a daemon that holds the output open", function()
      local started = enclave.now()
      assert.equal("done\n", assert(shell("sleep 300 & echo done")).output)
      assert.is_true(enclave.now() - started < 20)
    end)

    it("runs without root, without a network, with a home", function()
      local result = assert(shell("id -u; echo $HOME; pwd; ls /sys/class/net"))
      local uid, home, folder, net = result.output:match("^(%d+)\n(.-)\n(.-)\n(.*)$")
      assert.not_equal("0", uid)
      assert.equal(folder, home)
      assert.equal("/sandbox", folder)
      assert.is_nil(net:find("eth", 1, true))
    end)

    it("survives a program that takes all memory", function()
      local result = assert(python("x = bytearray(2 << 30); print(len(x))"))
      assert.equal("error", result.status)
      assert.is_truthy(result.error:find("SIGKILL", 1, true)
        or result.error:find("MemoryError", 1, true))
      assert.equal("ok\n", assert(python("print('ok')")).output)
    end)
  end)

  describe("of its own", function()
    after_each(function()
      manager:close()
    end)

    it("replaces a container that is removed behind its back", function()
      local ids = assert(open({ pool_size = 1 }))
      support.docker("rm -f " .. support.container_of(manager, ids[1]))
      support.eventually(function()
        local list = manager:list_sandboxes("idle")
        return #list == 1 and list[1].id ~= ids[1]
      end, "another one is idle", 60)
      assert.equal("ok\n", assert(python("print('ok')")).output)
    end)

    it("tells a borrower whose container is killed: lost", function()
      local ids = assert(open({ pool_size = 1 }))
      local container = support.container_of(manager, ids[1])
      local task = enclave.spawn(python, "import time\nprint('x', flush=True)\ntime.sleep(60)")
      enclave.sleep(1)
      support.docker("kill " .. container)
      local fine, result, err = task:join(30)
      assert.is_true(fine)
      assert.is_nil(result)
      assert.equal("lost", err.code)
      assert.equal("ok\n", assert(python("print('ok')")).output)
    end)

    it("serves many callers on few sandboxes", function()
      assert(open({ pool_size = 4 }))
      local calls = {}
      for i = 1, 200 do
        calls[i] = function()
          return python(("print(%d)"):format(i), { timeout = 300 })
        end
      end
      local results, first = enclave.gather(calls)
      assert.is_nil(first)
      for i, entry in ipairs(results) do
        assert.equal(i .. "\n", entry.value.output)
      end
      assert.equal(200, manager:get_stats().totals.borrowed)
    end)

    it("says which image is missing", function()
      local ids, err = open({ pool_size = 1,
        config = { image = "enclave/there-is-none:x", pull = "never" } })
      assert.is_nil(ids)
      assert.is_true(err.code == "not_found" or err.code == "docker")
      assert.matches("enclave/there-is-none:x", err.message, 1, true)
    end)

    it("says what a config names and the engine or the image has not", function()
      for words, config in pairs({ ["no such user"] = { user = "nobody_knows_me" },
        ["network nowhere not found"] = { network = "nowhere", network_enabled = true } }) do
        local lines = {}
        local ids, err = open({ pool_size = 1, config = config }, { on_log = function(_, line)
          lines[#lines + 1] = line
        end })
        manager:close()
        assert.is_nil(ids)
        assert.matches(words, err.message, 1, true)
        assert.is_nil(table.concat(lines, "\n"):find("docker exec is tried", 1, true))
      end
    end)

    it("says when Docker cannot be reached", function()
      local ids, err = open({ pool_size = 1 }, { docker_host = "unix:///nowhere.sock" })
      assert.is_nil(ids)
      assert.equal("unavailable", err.code)
      assert.matches("/nowhere.sock", err.message, 1, true)
    end)

    it("removes every container when it is closed", function()
      local ids = assert(open({ pool_size = 2 }))
      local own = assert(manager:create_sandbox("docker", { image = support.image }))
      local containers = {}
      for _, id in ipairs({ ids[1], ids[2], own }) do
        containers[#containers + 1] = support.container_of(manager, id)
      end
      manager:close()
      for _, container in ipairs(containers) do
        assert.is_nil(support.docker("inspect " .. container, true))
      end
    end)

    for _, reuse in ipairs({ "fresh", "keep" }) do
      it("can be told to reuse: " .. reuse, function()
        local ids = assert(open({ pool_size = 1, config = { reuse = reuse } }))
        assert(shell("echo x > kept"))
        local result = assert(shell("ls"))
        assert.equal(reuse == "keep" and "kept\n" or "", result.output)
        assert.equal(reuse == "keep", result.metadata.sandbox_id == ids[1])
      end)
    end
  end)
end)
