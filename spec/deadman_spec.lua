-- The dead-man switch: when the process that owns sandboxes is killed, or the connection to its
-- engine is cut, every container ends by itself, with nobody to sweep.
--
-- Each round makes 8 sandboxes with a run in each; ENCLAVE_DEADMAN_ROUNDS=20 does the full course
-- of 20 rounds each way, the default fits into a suite.
local enclave = require "enclave"
local support = require "spec.support"

local rounds = tonumber(os.getenv("ENCLAVE_DEADMAN_ROUNDS")) or 4
local sandboxes = 8

local owner = [[
local enclave = require "enclave"
local manager = assert(enclave.manager{ docker_host = os.getenv("OWNER_DOCKER_HOST") })
assert(manager:initialize_pool{ pool_size = 8, config = { image = os.getenv("ENCLAVE_IMAGE") } })
for _, info in ipairs(manager:list_sandboxes()) do
  print("container " .. info.metadata.container_id)
end
local commands = { "sleep 200", "trap '' TERM HUP; setsid sleep 200", "yes", "while :; do :; done",
  "exec python3 -c 'import time; time.sleep(200)'", "cat /dev/zero > zero; sleep 200",
  "echo x; sleep 200", "head -c 2000000000 /dev/zero; sleep 200" }
for _, command in ipairs(commands) do
  enclave.spawn(function()
    manager:execute_tool_in_pool("shell_executor", { command = command, timeout = 200 })
  end)
end
-- A child that outlives its parent, with all that it inherited.
os.execute("sleep 100 >/dev/null 2>&1 & echo child pid $!")
enclave.sleep(0.2)
print("busy " .. manager:get_stats().busy)
print("pid " .. io.open("/proc/self/stat"):read("n"))
print("ready")
io.stdout:flush()
enclave.sleep(200)
]]

-- Joins a port of the loopback to the socket or port of a Docker Engine.
local proxy = [[
import os, socket, sys, threading
where = sys.argv[1]
def dial():
    if where.startswith("unix://"):
        other = socket.socket(socket.AF_UNIX)
        other.connect(where[7:])
        return other
    host, port = where.split("://", 1)[1].rsplit(":", 1)
    return socket.create_connection((host, int(port)))
def pump(source, target):
    try:
        while True:
            piece = source.recv(65536)
            if not piece:
                break
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
listener = socket.create_server(("127.0.0.1", 0), backlog=64)
print("pid", os.getpid())
print("port", listener.getsockname()[1], flush=True)
while True:
    here, _ = listener.accept()
    there = dial()
    for pair in ((here, there), (there, here)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
]]

describe("no container outlives", function()
  local folder, pids
  before_each(function()
    folder, pids = support.folder(), {}
  end)
  after_each(function()
    for _, pid in ipairs(pids) do
      os.execute(("kill -KILL %s 2>/dev/null"):format(pid))
    end
    folder:remove()
  end)

  -- Starts a command in the background; gives what it wrote, once that has the pattern.
  local function start(name, command, pattern)
    os.execute(("( %s > '%s/%s' 2> '%s/err' ) &"):format(command, folder.path, name, folder.path))
    support.eventually(function()
      return folder:read(name):find(pattern)
    end, name .. " is ready: " .. folder:read("err"), 90)
    local output = folder:read(name)
    for pid in output:gmatch("pid (%d+)") do
      pids[#pids + 1] = pid
    end
    return output, pids[#pids]
  end

  -- Starts a process with sandboxes; gives its pid and its containers while all are busy.
  local function start_owner(name, host)
    local path = folder:write("owner.lua", owner)
    local output, pid = start(name, ("OWNER_DOCKER_HOST='%s' LUA_PATH='%s' LUA_CPATH='%s'"
      .. " ENCLAVE_IMAGE='%s' '%s' '%s'"):format(host, package.path, package.cpath, support.image,
      os.getenv("ENCLAVE_LUA") or "build/enclave-lua", path), "ready\n")
    local containers = {}
    for id in output:gmatch("container (%w+)") do
      containers[#containers + 1] = id
    end
    assert.equal(sandboxes, #containers)
    assert.matches("busy 8\n", output, 1, true)
    return pid, containers
  end

  local function expect_gone(containers)
    local deadline, left = enclave.now() + 3
    repeat
      left = {}
      local there = support.docker("ps -aq --no-trunc")
      for _, id in ipairs(containers) do
        if there:find(id, 1, true) then
          left[#left + 1] = id
        end
      end
    until #left == 0 or enclave.now() > deadline or not enclave.sleep(0.1)
    assert.same({}, left)
  end

  local host = os.getenv("DOCKER_HOST") or "unix:///var/run/docker.sock"

  it("the SIGKILL of its owner", function()
    for round = 1, rounds do
      local pid, containers = start_owner("owner" .. round, host)
      assert(os.execute("kill -KILL " .. pid))
      expect_gone(containers)
    end
  end)

  -- An engine that is reached by TCP, as a remote one; the pid of what carries it.
  local function start_proxy(name)
    local path = folder:write("proxy.py", proxy)
    local output, pid = start(name, ("exec python3 '%s' '%s'"):format(path, host), "port %d+\n")
    return "tcp://127.0.0.1:" .. output:match("port (%d+)"), pid
  end

  it("the SIGKILL of its owner, when the engine is remote and a child of the owner lives on",
    function()
      local pid, containers = start_owner("owner", (start_proxy("proxy")))
      assert(os.execute("kill -KILL " .. pid))
      expect_gone(containers)
    end)

  it("the connection to a remote engine", function()
    for round = 1, rounds do
      local remote, proxy_pid = start_proxy("proxy" .. round)
      local _, containers = start_owner("owner" .. round, remote)
      assert(os.execute("kill -KILL " .. proxy_pid))
      expect_gone(containers)
      assert(os.execute("kill -KILL " .. pids[#pids]))
    end
  end)
end)

-- Where the process is killed before its agent has come, its socket's folder is left until the
-- next one starts.
describe("the folder of an agent's socket", function()
  local function folders_of(pid)
    local pipe = assert(io.popen(("ls -d /run/enclave-*-%s-* /tmp/enclave-*-%s-* 2>/dev/null")
      :format(pid, pid)))
    local found = pipe:read("a")
    pipe:close()
    return found
  end

  it("is removed by the next process when its owner was killed", function()
    local pipe = assert(io.popen(([[
      '%s' -e 'require("enclave").manager():create_sandbox("docker", { image = "%s" })' \
        >/dev/null 2>&1 & pid=$!
      for turn in $(seq 2000); do
        ls -d /run/enclave-*-$pid-* /tmp/enclave-*-$pid-* 2>/dev/null | grep -q . && break
        sleep 0.005
      done
      kill -KILL $pid; echo $pid]]):format(os.getenv("ENCLAVE_LUA") or "build/enclave-lua",
      support.image)))
    local pid = pipe:read("n")
    pipe:close()
    assert.not_equal("", folders_of(pid))
    local manager <close> = assert(enclave.manager())
    assert(manager:create_sandbox("docker", { image = support.image }))
    assert.equal("", folders_of(pid))
    -- The engine may have made the container, which nobody starts, only after that process had
    -- looked: then the one after it removes it.
    support.eventually(function()
      if not support.docker([[ps -a --format '{{.Label "enclave.owner"}}']])
        :find(("-%d-"):format(pid), 1, true) then
        return true
      end
      os.execute(([['%s' -e 'require("enclave").sandbox{ image = "%s" }:close()']]):format(
        os.getenv("ENCLAVE_LUA") or "build/enclave-lua", support.image))
    end, "its container is gone")
  end)
end)
