-- What a pool does with a sandbox between two borrowers, by `reuse`; and what it never does:
-- touch a folder of the host that is bound into it.
local enclave = require "enclave"
local support = require "spec.support"

describe("reuse", function()
  local manager, folder
  before_each(function()
    manager, folder = assert(enclave.manager()), support.folder()
  end)
  after_each(function()
    manager:close()
    folder:remove()
  end)

  local function open(config)
    config.image = support.image
    return assert(manager:initialize_pool{ pool_size = 1, config = config })[1]
  end
  local function shell(command)
    local result = assert(manager:execute_tool_in_pool("shell_executor", { command = command }, 60))
    assert.equal("success", result.status, result.error)
    return result
  end
  local function retired()
    return manager:get_stats().totals.retired
  end
  local function read(name)
    local file = assert(io.open(folder.path .. "/" .. name, "rb"))
    local text = file:read("a")
    file:close()
    return text
  end

  it("reset: the same sandbox, clean", function()
    local id = open({})
    for _ = 1, 3 do
      local result = shell("ls -A; echo x > left; echo x > /tmp/left")
      assert.equal("", result.output)
      assert.equal(id, result.metadata.sandbox_id)
    end
    assert.same({}, retired())
  end)

  it("fresh: another sandbox each time", function()
    local seen = { [open({ reuse = "fresh" })] = true }
    shell("echo x > left")
    for _ = 1, 2 do
      local result = shell("ls -A; echo x > left")
      assert.equal("", result.output)
      assert.is_nil(seen[result.metadata.sandbox_id])
      seen[result.metadata.sandbox_id] = true
    end
    assert.is_true(retired().fresh >= 2)
  end)

  it("keep: the same sandbox with all that is in it", function()
    local id = open({ reuse = "keep" })
    shell("echo x > left; echo y > /tmp/left")
    local result = shell("cat left /tmp/left")
    assert.equal("x\ny\n", result.output)
    assert.equal(id, result.metadata.sandbox_id)
    assert.equal(0, manager:get_stats().totals.resets)
  end)

  for _, user in ipairs({ "root", "65534:50" }) do
    it("replaces one with a writable root file system, user " .. user, function()
      local id = open({ user = user, read_only = false })
      shell("echo x > /var/local/left")
      local result = shell("ls -A /var/local")
      assert.equal("", result.output)
      assert.not_equal(id, result.metadata.sandbox_id)
      assert.is_true(retired().not_cleanable >= 1)
    end)
  end

  it("keeps one that root only read", function()
    local id = open({ user = "root" })
    for _ = 1, 3 do
      assert.equal(id, shell("id -u; echo x > left; nice -n 5 true; ls /dev").metadata.sandbox_id)
    end
    assert.same({}, retired())
  end)

  it("replaces one whose image has a volume, but where that is given a tmpfs", function()
    local image = "enclave-spec-volumes:latest"
    local container = support.docker("create " .. support.image .. " true"):match("%w+")
    support.docker(("commit -c 'VOLUME [\"/srv/\"]' %s %s"):format(container, image))
    finally(function()
      support.docker("rm -f " .. container)
      manager:close()
      support.docker("rmi -f " .. image)
    end)
    for name, tmpfs in pairs({ loose = {}, covered = { ["/srv"] = "size=1m" } }) do
      assert(manager:initialize_pool{ name = name, pool_size = 1,
        config = { image = image, user = "root", tmpfs = tmpfs } })
      for _ = 1, 2 do
        local result = assert(manager:execute_tool_in_pool("shell_executor",
          { command = "ls -A /srv; echo x > /srv/left" }, { pool = name, timeout = 60 }))
        assert.equal("", result.output)
        assert.equal("success", result.status, result.error)
      end
    end
    local pools = manager:get_stats().pools
    assert.is_true(pools.loose.totals.retired.not_cleanable >= 1)
    assert.same({}, pools.covered.totals.retired)
  end)

  -- What root can change beyond the places that are emptied, and how the next one would see it.
  for what, pair in pairs({
    ["a file in /dev"] = { "echo x > /dev/left", "ls /dev | grep left || true", "" },
    ["a device"] = { "chmod 600 /dev/null", "stat -c %a /dev/null", "666\n" },
    ["an exchanged device"] = { "rm /dev/null && echo bad > /dev/null", "cat /dev/null", "" },
    ["the limits of the first process"] = { "python3 -c 'import resource as r;"
      .. " r.prlimit(1, r.RLIMIT_NOFILE, (100, 100))'",
      "test $(ulimit -n) != 100; echo $?", "0\n" },
    ["the OOM score of the first process"] = { "echo 900 > /proc/1/oom_score_adj",
      "cat /proc/1/oom_score_adj", "0\n" },
  }) do
    it("replaces one in which root changed " .. what, function()
      local id = open({ user = "root" })
      shell(pair[1])
      local result = shell(pair[2])
      assert.equal(pair[3], result.output)
      assert.not_equal(id, result.metadata.sandbox_id)
      assert.equal(1, retired().reset_failed)
    end)
  end

  for _, channel in ipairs({ "agent", "exec" }) do
    for what, bind in pairs({ ["as the work folder"] = "/sandbox", ["below it"] = "/sandbox/a/b",
      ["above it"] = "/bound", ["as /tmp"] = "/tmp", ["in /dev/shm"] = "/dev/shm/bound",
      ["as /var/tmp"] = "/var/tmp" }) do
      it(("never empties a folder of the host bound %s, channel %s"):format(what, channel),
        function()
          folder:write("file", "of the host")
          os.execute(("cd '%s' && mkdir -p place/deep && chmod -R 0777 . && echo deep >"
            .. " place/deep/file"):format(folder.path))
          open({ channel = channel, volumes = { [folder.path] = { bind = bind, mode = "rw" } },
            working_dir = what == "above it" and "/bound/place" or nil })
          for i = 1, 3 do
            local result = shell(("echo x > /run/x 2>/dev/null; cat %s/file %s/place/deep/file;"
              .. " echo %d > %s/made%d"):format(bind, bind, i, bind, i))
            assert.equal("of the hostdeep\n", result.output)
          end
          assert.equal("of the host", read("file"))
          assert.equal("deep\n", read("place/deep/file"))
          assert.equal("1\n", read("made1"))
          assert.equal("3\n", read("made3"))
        end)
    end
  end

  it("keep, as sandboxes of one's own are: what is left running goes on", function()
    local id = assert(manager:create_sandbox("docker", { image = support.image }))
    local function call(command, timeout)
      return assert(manager:execute_tool(id, "shell_executor",
        { command = command, timeout = timeout }))
    end
    assert.equal("keep", manager:get_sandbox_info(id).config.reuse)
    local first = call("sleep 200 >/dev/null 2>&1 & echo $!").output
    assert.equal("timeout", call("sh -c \"trap '' TERM; sleep 100\" & echo $! >late; wait",
      0.5).status)
    support.eventually(function() -- killed, it may be listed for a moment
      return call("test -d /proc/$(cat late) || echo gone").output == "gone\n"
    end, "what took too long is gone")
    assert.equal("yes\n", call("test -d /proc/" .. tonumber(first) .. " && echo yes").output)
  end)

  it("does not give a folder of the host to the sandbox's user", function()
    os.execute(("chmod 0755 '%s'"):format(folder.path))
    local function owner()
      local pipe = assert(io.popen(("stat -c '%%u:%%g %%a' '%s'"):format(folder.path)))
      local text = pipe:read("a")
      pipe:close()
      return text
    end
    local before = owner()
    open({ volumes = { [folder.path] = { bind = "/sandbox", mode = "rw" } } })
    shell("true")
    shell("true")
    assert.equal(before, owner())
  end)

  it("does not follow a link to what is bound", function()
    folder:write("file", "of the host")
    os.execute(("chmod 0777 '%s'"):format(folder.path))
    open({ volumes = { [folder.path] = { bind = "/data", mode = "rw" } },
      tmpfs = { ["/sandbox/a/cache"] = "size=1m,mode=1777" } })
    shell("ln -s /data link; ln -s / root; mkdir d; ln -s /data d/link")
    shell("mv a b && mkdir -p a && ln -s /data a/cache || true")
    assert.equal("of the host",
      shell("test ! -e b && ls -d a/cache >/dev/null && cat /data/file").output)
    assert.equal("of the host", read("file"))
  end)
end)
