-- What residue_spec.lua runs: programs that leave something or reach for what is not theirs, and
-- the one that looks for it afterwards.
local residue = {}

-- What a later borrower finds that is not as it was: names of files in all that is writable,
-- processes, System V and POSIX objects, ports and sockets, its own state.
residue.scan = [==[
import fcntl, os, resource, socket, stat
me, found = os.getpid(), []
def flags_of(path): # those of chattr
    file = os.open(path, os.O_RDONLY)
    try: return fcntl.ioctl(file, 0x80086601, bytes(8))
    except OSError: return None
    finally: os.close(file)
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
    found.append("%s %o %d:%d %r %r" % (top, about.st_mode, about.st_uid, about.st_gid,
        os.listxattr(top), flags_of(top) if os.access(top, os.R_OK) else None))
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
        # cleaned, or not in time, is replaced by a new one.
        found += [name + (" ".join(line.split()[1:6]) if name == "netlink" else line)
            for line in lines]
with open("/proc/net/unix") as file:
    found += ["unix " + line.split()[-1] for line in file if "left" in line]
found.append("input %o" % fcntl.fcntl(0, fcntl.F_GETFL))
fcntl.flock(os.open("/dev/null", os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
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
import ctypes
c, none = ctypes.CDLL(None), ctypes.c_void_p(0)
for ring in (-3, -4, -5, c.syscall(250, 22, -1, -3)): # keyctl: session, user, persistent
    if ring and c.syscall(250, 10, ring, b"user", b"left", 0) > 0: # search
        found.append("key in %d" % min(ring, 0))
print("\n".join(sorted(found)))
]==]

residue.leaving = {
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

residue.leaving_python = {
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
  ["access lists and attributes"] = [[
import os, struct
# The owner, another user, the mask, all others: version 2, then tag, permissions, id.
acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in
  ((1, 7, 2**32 - 1), (2, 7, 1234), (4, 5, 2**32 - 1), (16, 7, 2**32 - 1), (32, 5, 2**32 - 1)))
os.mkdir("/tmp/deep")
for path in ("/sandbox", "/tmp/deep", "/tmp", "/dev/shm"):
    for name in ("system.posix_acl_access", "system.posix_acl_default", "user.left"):
        try: os.setxattr(path, name, acl)
        except OSError: pass
    try: os.chmod(path, 0o7777)
    except OSError: pass]],
  ["more attributes than are read at a time"] = [[
import os
for path in ("/sandbox", "/tmp"):
    for i in range(60):
        try: os.setxattr(path, "user.left-%d-%s" % (i, "x" * 200), b"the secret of another")
        except OSError: pass]],
  ["flags of folders"] = [[
import fcntl, os
for path in ("/sandbox", "/tmp", "/dev/shm"): # not to be dumped, no times of access
    try: fcntl.ioctl(os.open(path, os.O_RDONLY), 0x40086602, (0xC0).to_bytes(8, "little"))
    except OSError: pass]],
  ["a process whose first thread has ended"] = [[
import ctypes, os, threading, time
if os.fork() == 0:
    os.setsid()
    for i in range(3): os.close(i)
    threading.Thread(target=time.sleep, args=(300,)).start()
    ctypes.CDLL(None).syscall(60, 0)
time.sleep(0.2)]],
  ["processes that hold each other"] = [[
import ctypes, os, signal, socket, time
c = ctypes.CDLL(None)
if os.fork() == 0:
    os.setsid(); c.prctl(36, 1)
    for i in range(3): os.close(i)
    traced = os.fork()
    if traced == 0:
        c.ptrace(0, 0, 0, 0); os.kill(os.getpid(), signal.SIGSTOP); time.sleep(300)
    if os.fork() == 0: # where that is allowed: namespaces of its own, and a process inside
        c.unshare(0x10000000 | 0x20000000 | 0x20000); os.fork(); time.sleep(300)
    one, other = socket.socketpair() # each keeps the other open, in a message nobody reads
    socket.send_fds(one, [b"x"], [one.fileno(), other.fileno(), c.memfd_create(b"left", 0)])
    time.sleep(300)
time.sleep(0.3)]],
  ["ten thousand folders in each other"] = [[
import os
os.chdir("/tmp")
for i in range(10000): os.mkdir("d"); os.chdir("d")
open("f", "w").write("x")]],
  ["keys"] = [[
import ctypes
c = ctypes.CDLL(None)
for ring in (-3, -4, -5, c.syscall(250, 22, -1, -3)):
    if ring: c.syscall(248, b"user", b"left", b"x", 1, ring)]],
  ["connections that have just ended"] = [[
import socket
for port in (4567, 4568):
    server = socket.create_server(("127.0.0.1", port))
    client = socket.create_connection(("127.0.0.1", port))
    other = server.accept()[0]
    for each in ((other, client) if port == 4567 else (client, other)): each.close()
    server.close()]],
  ["flags and locks of its input"] = [[
import fcntl, os
fcntl.fcntl(0, fcntl.F_SETFL, os.O_NONBLOCK | os.O_APPEND)
fcntl.flock(0, fcntl.LOCK_EX)]],
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
residue.reaching = [==[
import ctypes, glob, os, resource, signal, socket
c, room = ctypes.CDLL(None, use_errno=True), ctypes.create_string_buffer(8)
done = []
def tried(what, fn):
    try: fn()
    except (OSError, ValueError): return
    done.append(what)
def call(*arguments):
    if c.syscall(*arguments) < 0: raise OSError()
for fd in range(3, 100): tried("descriptor %d" % fd, lambda: os.fstat(fd))
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
        part = (ctypes.c_size_t * 2)(ctypes.addressof(room), 8)
        tried("vm", lambda: call(310, pid, part, 1, part, 1, 0))
        tried("pidfd_getfd", lambda: call(438, os.pidfd_open(pid), 0, 0))
    if os.getuid() != 0:
        for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM):
            tried("kill %d" % pid, lambda: os.kill(pid, number))
        tried("renice", lambda: os.setpriority(os.PRIO_PROCESS, pid, 19))
        tried("affinity", lambda: os.sched_setaffinity(pid, os.sched_getaffinity(0)))
        tried("policy", lambda: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)))
        tried("ioprio", lambda: call(251, 1, pid, 3 << 13))
        tried("prlimit", lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (9, 9)))
        tried("limit", lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE))
        for name in ("oom_score_adj", "coredump_filter", "clear_refs", "comm", "setgroups",
                     "uid_map", "timerslack_ns"):
            tried(name, lambda: os.write(os.open("/proc/%d/%s" % (pid, name), os.O_WRONLY), b"1"))
for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGSEGV, signal.SIGHUP):
    try: os.kill(1, number)
    except OSError: pass
for folder in ("/.enclave", "/.enclave-io", "/", "/etc", "/usr/lib", "/proc/sys/kernel"):
    tried("write " + folder, lambda: open(folder + "/left", "w"))
for path in glob.glob("/.enclave-io/*"):
    tried("connect " + path, lambda: socket.socket(socket.AF_UNIX).connect(path))
for kind in ("user", "ipc", "mnt", "pid", "net"):
    for pid in others:
        tried("setns %s" % kind, lambda: call(308, os.open("/proc/%d/ns/%s" % (pid, kind), 0), 0))
if confined:
    tried("add_key", lambda: call(248, b"user", b"left", b"x", 1, -3))
    tried("keyctl", lambda: call(250, 0, -3, 1))
    tried("unshare", lambda: call(272, 0x10000000))
tried("mount", lambda: call(165, b"none", b"/tmp", b"tmpfs", 0, 0))
tried("hostname", lambda: socket.sethostname("left"))
tried("setuid", lambda: os.getuid() != 0 and os.setuid(0) or (os.getuid() == 0 and call(-1)))
print(done)
]==]

return residue
