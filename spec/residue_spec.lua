-- Every way that could be thought of in which one borrower could reach or leave something for the
-- next: tried in a pool of one sandbox, and then looked for.
local enclave = require "enclave"
local support = require "spec.support"

-- What a later borrower finds that is not as it was: names of files in all that is writable,
-- processes, System V and POSIX objects, ports and sockets, its own state.
local scan = [==[
import os, resource, socket, stat
me, found = os.getpid(), []
dirs = [d for d in ("/sandbox", "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/dev",
  "/var/local", "/sys/fs/cgroup", "/.enclave", "/.enclave-io", "/root", "/home")
  if os.path.isdir(d)]
for top in dirs:
    for folder, names, files in os.walk(os.fsencode(top)):
        for name in names + files:
            path = os.path.join(folder, name)
            if path.startswith((b"/dev/pts/", b"/.enclave/", b"/sys/")):
                continue
            kind = os.lstat(path).st_mode
            found.append("%r %o %d" % (path, kind, os.lstat(path).st_uid))
    about = os.stat(top)
    found.append("%s %o %d:%d %r" % (top, about.st_mode, about.st_uid, about.st_gid,
        os.listxattr(top)))
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open("/proc/%s/status" % pid) as file:
            status = dict(line.split(":", 1) for line in file)
    except OSError:
        continue
    # The agent and what it keeps warm are root's; so is nothing that a run could be.
    if int(pid) not in (1, me, os.getppid()) and status["Uid"].split()[0] != "0":
        found.append("process " + status["Name"].strip())
for name in ("shm", "msg", "sem"):
    with open("/proc/sysvipc/" + name) as file:
        found += [name + line for line in file.readlines()[1:]]
for name in ("tcp", "tcp6", "udp", "udp6", "raw", "netlink"):
    if os.path.exists("/proc/net/" + name):
        with open("/proc/net/" + name) as file:
            lines = file.readlines()[1:]
        # Of netlink not the addresses and numbers in the kernel: a sandbox that could not be
        # cleaned in time, on a slow machine, is replaced by a new one.
        found += [name + (" ".join(line.split()[1:6]) if name == "netlink" else line)
            for line in lines]
with open("/proc/net/unix") as file:
    found += ["unix " + line.split()[-1] for line in file if "left" in line]
found.append("umask %o" % os.umask(0))
found.append("nice %d" % os.getpriority(os.PRIO_PROCESS, 0))
found.append("affinity %r" % sorted(os.sched_getaffinity(0)))
found += ["%s %r" % (n, resource.getrlimit(getattr(resource, n)))
  for n in dir(resource) if n.startswith("RLIMIT_")]
found += ["env %s=%s" % (name, "own" if value == socket.gethostname() else value)
    for name, value in sorted(os.environ.items())]
found.append("cwd " + os.getcwd())
found.append("free %d %d" % (os.statvfs("/sandbox").f_bfree, os.statvfs("/tmp").f_bfree))
import sys, json, builtins, site
found += [repr(sys.path), repr(sorted(vars(builtins))), json.dumps([1])]
found.append(repr(site.ENABLE_USER_SITE))
print("\n".join(sorted(found)))
]==]

local leaving = {
  ["files with odd names and modes"] = [[cd /tmp; mkdir -- -rf 'a b' "$(printf 'new\nline')" \* ...
    for d in /sandbox /tmp /var/tmp /dev/shm; do cd $d; echo x > .hidden
    echo x > "$(printf '\377\376')"
    mkdir -p locked/in/it; echo x > locked/in/it/file; chmod 0 locked/in/it/file locked/in locked
    mkfifo pipe; ln -s /etc/passwd link; ln -s loop loop; ln link hard 2>/dev/null
    chmod 4777 .hidden; done; chmod 0 /sandbox; true]],
  ["deep and long names"] = [[cd /tmp; n=$(printf '%0250d' 7); i=0
    while [ $i -lt 60 ]; do mkdir $n; cd -P $n 2>/dev/null || break; i=$((i+1)); done
    echo x > $n.f]],
  ["thousands of files"] = [[seq 1 5000 | xargs touch; mkdir $(seq -f 'd%g' 1 1000)]],
  ["a full disk"] = [[head -c 300m /dev/zero > /sandbox/full; head -c 300m /dev/zero > /tmp/full
    head -c 100m /dev/zero > /dev/shm/full; true]],
  ["daemons"] = [[trap '' TERM HUP INT QUIT; for i in 1 2 3 4 5; do
      (setsid sh -c "trap '' TERM HUP INT; (env -i sleep 300 &) ; sleep 300" >/dev/null 2>&1 &)
    done; nohup sleep 300 >/dev/null 2>&1 & true]],
  ["shell start-up files"] = [[for f in .profile .bashrc .bash_profile .bash_login .bash_logout \
      .shrc .env .zshenv; do echo 'echo poisoned' > $f; done; echo 'echo poisoned' > /tmp/env
    export ENV=/tmp/env BASH_ENV=/tmp/env PATH=/sandbox:$PATH; mkdir bin
    printf '#!/bin/sh\necho poisoned\n' > python3; chmod +x python3; cp python3 sh
    cp python3 bin/ls]],
  ["links out of the work folder"] = [[ln -s / root; ln -s /tmp tmp; ln -s /.enclave enclave
    ln -s /proc/1/root up; rm -rf /sandbox/main.*; ln -s /etc/passwd main.py
    ln -s /etc/passwd main.sh]],
  ["state of the process"] = [[umask 0; ulimit -n 10; ulimit -c 0; renice -n 19 $$ >/dev/null
    cd /tmp; export HOME=/tmp]],
  ["a signal to everything"] = [[kill -STOP -1; kill -9 -1; kill -9 1; true]],
}

local leaving_python = {
  ["poisoned imports"] = [[
import os, sys, site
bad = "print('poisoned')\nimport builtins; builtins.poisoned = 1\n"
user = os.path.expanduser("~/.local/lib/python%d.%d/site-packages" % sys.version_info[:2])
for folder in (user, ".", "/tmp"):
    os.makedirs(folder, exist_ok=True)
    for name in ("sitecustomize", "usercustomize", "json", "os", "resource", "encodings", "random"):
        open("%s/%s.py" % (folder, name), "w").write(bad)
    open(folder + "/evil.pth", "w").write("import sys; print('poisoned')\n")
open(os.path.expanduser("~/.pythonrc"), "w").write(bad)
os.makedirs("__pycache__", exist_ok=True)
open("pyvenv.cfg", "w").write("home = /tmp\n")
os.makedirs(os.path.expanduser("~/.cache"), exist_ok=True)
os.environ.update(PYTHONSTARTUP="/sandbox/.pythonrc", PYTHONPATH="/tmp", LD_PRELOAD="/tmp/x.so")]],
  ["a patched interpreter"] = [[
import builtins, json, sys, os, gc
builtins.print_was, builtins.evil = print, 1
json.dumps = lambda *a: "poisoned"
sys.path.insert(0, "/tmp"); sys.modules["resource"] = json
os.environ["EVIL"] = "1"
sys.settrace(lambda *a: None); sys.setrecursionlimit(100000)
import ctypes
ctypes.CDLL(None).prctl(36, 1)
for one in gc.get_objects():
    if isinstance(one, dict): one.pop("never", None)]],
  ["System V and POSIX objects"] = [[
import ctypes, os
c = ctypes.CDLL(None, use_errno=True)
for i in range(20):
    assert c.shmget(i + 1, 4096, 0o1000) >= 0 and c.semget(i + 1, 3, 0o1000) >= 0
    assert c.msgget(i + 1, 0o1000 | (0o666 if i % 2 else 0)) >= 0
r = ctypes.CDLL("librt.so.1", use_errno=True)
assert r.mq_open(b"/left", os.O_CREAT | os.O_RDWR, 0o600, None) >= 0
assert r.shm_open(b"/left", os.O_CREAT | os.O_RDWR, 0) >= 0
assert r.sem_open(b"/left", os.O_CREAT, 0, 1) != 0]],
  ["sockets and ports"] = [[
import socket, os, time
if os.fork() == 0:
    os.setsid()
    for i in range(3): os.close(i)
    keep = []
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = socket.socket(socket.AF_INET, kind); s.bind(("127.0.0.1", 4567)); keep.append(s)
        if kind == socket.SOCK_STREAM: s.listen()
    for name in ("\0left", "/tmp/left.sock"):
        s = socket.socket(socket.AF_UNIX); s.bind(name); s.listen(); keep.append(s)
    time.sleep(300)
time.sleep(0.2)]],
  ["a fork bomb"] = [[
import os, signal
for n in range(1, 32):
    try: signal.signal(n, signal.SIG_IGN)
    except OSError: pass
end = __import__("time").time() + 60
while __import__("time").time() < end:
    try:
        if os.fork() == 0: os.setsid()
    except OSError: pass]],
  ["locks, watches and a terminal"] = [[
import ctypes, fcntl, os, pty, time
c = ctypes.CDLL(None)
if os.fork() == 0:
    os.setsid(); master, slave = pty.openpty(); fcntl.ioctl(slave, 0x540E, 0)
    file = open("/tmp/lock", "w"); fcntl.flock(file, fcntl.LOCK_EX)
    c.inotify_add_watch(c.inotify_init(), b"/sandbox", 0xFFF); c.memfd_create(b"left", 0)
    for i in range(3): os.close(i)
    time.sleep(300)]],
}

-- What must be refused: reaching the first process, the server and their files.
local reaching = [==[
import ctypes, glob, os, signal, socket
c = ctypes.CDLL(None, use_errno=True)
done = []
def tried(what, fn):
    try: fn()
    except (OSError, ValueError): return
    done.append(what)
def call(*arguments):
    if c.syscall(*arguments) < 0: raise OSError()
others = [int(p) for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid()]
others = [p for p in others if os.stat("/proc/%d" % p).st_uid != os.getuid() or os.getuid() == 0]
assert 1 in others
for pid in others:
    if os.getuid() != 0 or pid == 1:
        tried("trace %d" % pid, lambda: c.ptrace(16, pid, 0, 0) == 0 or call(-1))
        for name in ("mem", "environ", "maps", "auxv", "stack", "syscall", "pagemap", "exe",
                     "root/etc/passwd"):
            tried("read %s" % name, lambda: open("/proc/%d/%s" % (pid, name), "rb").read(1))
        tried("mem w", lambda: open("/proc/%d/mem" % pid, "r+b"))
        for fd in range(40):
            path = "/proc/%d/fd/%d" % (pid, fd)
            tried(path, lambda: os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            tried(path, lambda: os.readlink(path))
        tried("vm", lambda: call(310, pid, 0, 0, 0, 0, 0) if pid != 1 else call(-1))
        tried("pidfd_getfd", lambda: call(438, os.pidfd_open(pid), 0, 0))
    if os.getuid() != 0:
        for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM):
            tried("kill %d" % pid, lambda: os.kill(pid, number))
        tried("renice", lambda: os.setpriority(os.PRIO_PROCESS, pid, 19))
for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGSEGV, signal.SIGHUP):
    try: os.kill(1, number)
    except OSError: pass
for folder in ("/.enclave", "/.enclave-io", "/", "/etc", "/usr/lib", "/proc/sys/kernel"):
    tried("write " + folder, lambda: open(folder + "/left", "w"))
for path in glob.glob("/.enclave-io/*"):
    tried("connect " + path, lambda: socket.socket(socket.AF_UNIX).connect(path))
tried("add_key", lambda: call(248, b"user", b"left", b"x", 1, -3))
tried("keyctl", lambda: call(250, 0, -3, 1))
tried("unshare", lambda: call(272, 0x10000000))
tried("mount", lambda: call(165, b"none", b"/tmp", b"tmpfs", 0, 0))
tried("hostname", lambda: socket.sethostname("left"))
tried("setuid", lambda: os.getuid() != 0 and os.setuid(0) or (os.getuid() == 0 and call(-1)))
print(done)
]==]

for _, user in ipairs({ "65534:65534", "root" }) do
  describe("nothing is left, user " .. user, function()
    local manager, clean
    local function run(tool, parameter, source)
      return assert(manager:execute_tool_in_pool(tool, { [parameter] = source,
        timeout = source:find("os.fork() == 0: os.setsid()", 1, true) and 2 or 20 }, 120))
    end
    local function look()
      local result = run("python_executor", "code", scan)
      assert.equal("success", result.status, result.error)
      return result
    end
    setup(function()
      manager = assert(enclave.manager())
      assert(manager:initialize_pool{ pool_size = 1, config = { image = support.image, user = user,
        pids_limit = 64, tmpfs = { ["/tmp"] = "size=64m", ["/sandbox"] = "size=64m" } } })
      clean = look().output
    end)
    teardown(function()
      manager:close()
    end)

    local function leaves_nothing(tool, parameter, source)
      local told = run(tool, parameter, source).error or ""
      assert.is_nil(told:find("yntax", 1, true) or told:find("Traceback", 1, true), told)
      assert.equal(clean, look().output)
      assert.equal("fine\n", run("shell_executor", "command", "echo fine").output)
      assert.equal(clean, look().output)
    end
    for what, source in pairs(leaving) do
      it("of " .. what, function()
        leaves_nothing("shell_executor", "command", source)
      end)
    end
    for what, source in pairs(leaving_python) do
      it("of " .. what, function()
        leaves_nothing("python_executor", "code", source)
      end)
    end

    it("when the agent, its server and their files are reached for", function()
      local result = run("python_executor", "code", reaching)
      assert.equal("[]\n", result.output, result.error)
      assert.equal(clean, look().output)
    end)

    it("and what was found is told", function()
      local before = manager:get_stats().totals.found
      run("python_executor", "code", leaving_python["System V and POSIX objects"])
      run("shell_executor", "command", "seq 1 100 | xargs touch")
      local result = look()
      local reset = result.metadata.last_reset
      assert.equal("number", type(reset.processes)) -- most of them end with their run
      assert.is_true(reset.files >= 100)
      assert.is_true(reset.seconds > 0)
      assert.equal(reset.seconds, result.metadata.phases.reset)
      local found = manager:get_stats().totals.found
      assert.is_true(found.ipc - before.ipc >= 60)
      assert.is_true(found.files - before.files >= 100)
      assert.is_true(found.processes >= before.processes)
    end)
  end)
end

-- The same eyes in a sandbox that is not cleaned: they must see.
describe("what is left without a reset", function()
  local manager <const> = assert(enclave.manager())
  teardown(function()
    manager:close()
  end)
  for _, what in ipairs({ "files with odd names and modes", "deep and long names", "a full disk",
    "shell start-up files", "poisoned imports", "System V and POSIX objects" }) do
    it("is seen: " .. what, function()
      assert(manager:initialize_pool{ pool_size = 1, name = what, config = { image = support.image,
        reuse = "keep", user = "root", tmpfs = { ["/tmp"] = "size=64m" } } })
      local function run(tool, parameters)
        return assert(manager:execute_tool_in_pool(tool, parameters, { pool = what, timeout = 60 }))
      end
      local before = run("python_executor", { code = scan }).output
      if leaving[what] then
        run("shell_executor", { command = leaving[what] })
      else
        run("python_executor", { code = leaving_python[what] })
      end
      assert.not_equal(before, run("python_executor", { code = scan }).output)
      manager:close_pool(what)
    end)
  end
end)
