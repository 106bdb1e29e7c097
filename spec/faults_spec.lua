-- What happens under a run that should not: containers that freeze, die or vanish, programs that
-- take all there is of something. The caller hears of it in time and in plain words, and the next
-- run works.
local enclave = require "enclave"
local support = require "spec.support"

describe("faults", function()
  local manager
  before_each(function()
    manager = assert(enclave.manager())
  end)
  after_each(function()
    manager:close()
  end)

  local function open(config)
    config = config or {}
    config.image = support.image
    return assert(manager:initialize_pool{ pool_size = 1, config = config })[1]
  end
  local function python(code, timeout)
    return manager:execute_tool_in_pool("python_executor", { code = code, timeout = timeout }, 60)
  end
  local function works()
    local result = assert(python("print('ok')"))
    assert.equal("ok\n", result.output, result.error)
    return result
  end

  it("a container that is paused under a run: the timeout comes in time", function()
    local id = open()
    local container = support.container_of(manager, id)
    local started = enclave.now()
    local task = enclave.spawn(python, "import time\nprint('on', flush=True)\ntime.sleep(60)", 2)
    enclave.sleep(0.5)
    support.docker("pause " .. container)
    local fine, result, err = task:join(30)
    assert.is_true(fine)
    assert.is_nil(err)
    assert.equal("timeout", result.status)
    assert.equal("time", result.metadata.limit)
    assert.equal("on\n", result.output)
    assert.is_true(enclave.now() - started < 10)
    assert.not_equal(id, works().metadata.sandbox_id)
    support.eventually(function()
      return not support.docker("inspect " .. container, true)
    end, "the paused container is removed", 30)
  end)

  it("a container that is paused in an idle pool is noticed and replaced", function()
    local id = open()
    support.docker("pause " .. support.container_of(manager, id))
    support.eventually(function()
      local stats = manager:get_stats()
      return stats.idle == 1 and stats.totals.retired.lost == 1
    end, "another takes its place")
    assert.not_equal(id, works().metadata.sandbox_id)
  end)

  for what, command in pairs({ ["is killed"] = "kill ", ["is removed"] = "rm -f ",
    ["is stopped"] = "stop -t 1 " }) do
    it("a container that " .. what .. " under a run: lost", function()
      local id = open()
      local task = enclave.spawn(python, "import time; time.sleep(60)")
      enclave.sleep(0.3)
      support.docker(command .. support.container_of(manager, id))
      local fine, result, err = task:join(30)
      assert.is_true(fine)
      assert.is_nil(result)
      assert.equal("lost", err.code)
      assert.not_equal(id, works().metadata.sandbox_id)
      assert.equal(1, manager:get_stats().totals.retired.lost)
    end)

    it("a container that " .. what .. " while it is idle is replaced", function()
      local id = open()
      support.docker(command .. support.container_of(manager, id))
      support.eventually(function()
        local list = manager:list_sandboxes("idle")
        return #list == 1 and list[1].id ~= id
      end, "another one is idle", 60)
      works()
    end)
  end

  it("where the agent cannot run, docker exec takes its place, if it may", function()
    local profile = "seccomp=" .. enclave.json.encode{ defaultAction = "SCMP_ACT_ALLOW",
      syscalls = { { names = { "epoll_create1", "epoll_create" }, action = "SCMP_ACT_ERRNO" } } }
    open({ security_opt = { profile } })
    for _ = 1, 2 do
      local result = assert(python("import os; print(os.listdir()); open('left', 'w')"))
      assert.equal("['main.py']\n", result.output, result.error)
      assert.equal("container", result.metadata.isolation)
    end
    local id, err = manager:create_sandbox("docker", { image = support.image, channel = "agent",
      security_opt = { profile } })
    assert.is_nil(id)
    assert.equal("lost", err.code)
    assert.matches("agent: cannot talk to the engine", err.message, 1, true)
  end)

  it("too little memory is said, and what ended it", function()
    open({ memory_limit = "64m" })
    local result = assert(python("x = b''\nwhile True: x += b'x' * (8 << 20)"))
    assert.equal("error", result.status)
    assert.equal("memory", result.metadata.limit)
    assert.is_true(result.metadata.oom_killed)
    assert.equal("SIGKILL", result.metadata.signal)
    assert.matches("memory limit", result.error, 1, true)
    works()
  end)

  it("too many processes are said", function()
    open({ pids_limit = 32 })
    local result = assert(python("import os, time\nfor i in range(100):\n"
      .. "  if os.fork() == 0: time.sleep(60); os._exit(0)"))
    assert.equal("error", result.status)
    assert.equal("pids", result.metadata.limit)
    assert.matches("BlockingIOError", result.error, 1, true)
    works()
  end)

  it("a full disk is said", function()
    open({ tmpfs = { ["/sandbox"] = "size=4m" } })
    local result = assert(python("open('big', 'wb').write(b'x' * (16 << 20))"))
    assert.equal("error", result.status)
    assert.equal("disk", result.metadata.limit)
    works()
  end)

  it("a full disk is said as such though files are in memory, of which there is little", function()
    open({ memory_limit = "64m" })
    for _, place in ipairs({ "/sandbox", "/tmp", "/dev/shm" }) do
      local result = assert(python(("f = open('%s/big', 'wb')\nwhile True: f.write(b'x' * 65536)")
        :format(place)))
      assert.equal("error", result.status)
      assert.equal("disk", result.metadata.limit, result.error)
      assert.is_nil(result.metadata.oom_killed)
    end
    works()
  end)

  it("limits of a run's own are said", function()
    open({ resource_limits = { memory = "150m", processes = 8, file_size = "1m" } })
    for limit, code in pairs({ memory = "x = b'x' * (300 << 20)",
      pids = "import os, time\nfor i in range(20):\n  if os.fork() == 0: time.sleep(20)",
      disk = "open('big', 'wb').write(b'x' * (2 << 20))" }) do
      local result = assert(python(code))
      assert.equal("error", result.status)
      assert.equal(limit, result.metadata.limit, result.error)
    end
    works()
  end)

  it("a child that memory was too short for is told, also where the program goes on", function()
    open({ memory_limit = "64m" })
    local result = assert(python("import subprocess\n"
      .. "subprocess.run(['python3', '-c', 'x = b\"x\" * (200 << 20)'])"))
    assert.equal("success", result.status)
    assert.is_true(result.metadata.oom_killed)
    works()
  end)

  it("too many open files are said", function()
    open({ resource_limits = { open_files = 64 } })
    local result = assert(python("files = [open('/dev/null') for _ in range(1000)]"))
    assert.equal("error", result.status)
    assert.equal("files", result.metadata.limit)
    works()
  end)

  it("too much CPU time is said", function()
    open({ resource_limits = { cpu_seconds = 1 } })
    local result = assert(python("while True: pass", 30))
    assert.equal("error", result.status)
    assert.equal("cpu", result.metadata.limit)
    assert.is_true(result.metadata.cpu.user > 0.5)
    works()
  end)

  it("64 MiB of output is counted and cut", function()
    open()
    local result = assert(python("import os\nb = b'x' * (1 << 20)\nfor i in range(64):\n"
      .. "  n = 0\n  while n < len(b): n += os.write(1, b[n:])", 60))
    assert.equal("success", result.status)
    assert.equal(64 << 20, result.metadata.stdout_total)
    assert.is_true(result.metadata.truncated)
    assert.is_true(#result.output < 2 << 20)
    works()
  end)

  it("what a run took is told: wall, CPU, memory, signal, phases", function()
    open()
    works()
    local result = assert(python("import os, time\nx = bytearray(64 << 20)\n"
      .. "end = time.process_time() + 0.3\nwhile time.process_time() < end: os.getppid()\n"
      .. "time.sleep(0.2)\nos.kill(os.getpid(), 6)"))
    local metadata = result.metadata
    assert.equal("SIGABRT", metadata.signal)
    assert.is_nil(metadata.limit)
    assert.is_nil(metadata.exit_code)
    assert.is_true(metadata.wall >= 0.5)
    local cpu = metadata.cpu.user + metadata.cpu.system
    assert.is_true(cpu >= 0.25 and cpu <= metadata.wall)
    assert.is_true(metadata.peak_memory >= 64 << 20 and metadata.peak_memory < 200 << 20)
    assert.is_true(metadata.phases.run >= metadata.wall)
    assert.is_true(metadata.phases.wait >= 0 and metadata.phases.wait < 20)
    assert.equal(metadata.last_reset.seconds, metadata.phases.reset)
    assert.is_true(metadata.phases.reset > 0 and metadata.phases.reset < 10)
    assert.equal("reset", metadata.isolation)
  end)
end)
