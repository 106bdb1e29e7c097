#!/usr/bin/env python3
"""Stands in for the agent: starts a Python server or a waiting shell, gives it jobs, and
runs the same programs cold. The protocol is that of src/agent/warm/job.h."""
import array
import ctypes
import glob
import io
import os
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
AGENT = os.path.join(HERE, "..", "..", "src", "agent", "warm")
MARK = "mark-" + "x" * (1023 - 5)


def default_preload():
    """The list in the agent, of which there must be only one."""
    with open(os.path.join(AGENT, "warm.c")) as file:
        text = file.read().partition("default_preload[] =")[2].partition(";")[0]
    return "".join(re.findall(r'"([^"]*)"', text))


CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
REPLY = struct.Struct("=IiIiI")
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38


def clean_environment(python):
    """Where "python3" is the given one."""
    folder = os.path.dirname(python)
    return dict(CLEAN, PATH=folder + ":" + CLEAN["PATH"])


def memory_file(name, content):
    fd = os.memfd_create(name, 0)
    os.write(fd, content)
    return fd


def build_entry(folder):
    out = os.path.join(folder, "warm_entry.so")
    subprocess.check_call(
        ["gcc", "-shared", "-nostdlib", "-ffreestanding", "-fPIC", "-O2", "-s", "-fno-builtin",
         "-fno-stack-protector", "-fvisibility=hidden", "-o", out] +
        glob.glob(os.path.join(AGENT, "entry", "*.c")))
    with open(out, "rb") as file:
        return file.read()


def server_zip():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        text = b""
        for part in ("preloads", "end", "trial", "facts", "server"):
            with open(os.path.join(AGENT, "python_%s.py" % part), "rb") as file:
                text += file.read()
        archive.writestr("sitecustomize.py", text)
    return out.getvalue()


def become_subreaper():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def start(path, argv, env, descriptors):
    """Executes with exactly these descriptors; -> pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        high = [os.dup2(os.dup(fd), 100 + i) for i, fd in enumerate(descriptors)]
        for i, fd in enumerate(high):
            os.dup2(fd, i, inheritable=True)
        os.closerange(len(descriptors), 1024)
        os.setsid()
        os.chdir("/")
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.execve(path, argv, env)
    finally:
        os._exit(127)


def pack_job(path, argv, env, cwd, uid, gid, limits=()):
    strings = [path, cwd, *argv, *(k + "=" + v for k, v in env.items())]
    tail = b"".join(os.fsencode(s) + b"\0" for s in strings)
    head = struct.pack("=III32I", uid, gid, 0, *[0] * 32)
    head += struct.pack("=II", 0, len(limits)) + b"\0" * 4
    for number in range(8):
        row = limits[number] if number < len(limits) else (0, 0, 0)
        head += struct.pack("=IIQQ", row[0], 0, row[1], row[2])
    head += struct.pack("=QII", 0, len(argv), len(env))
    assert len(head) == 360, len(head)
    return head + struct.pack("=I", 368 + len(tail)) + b"\0" * 4 + tail


class Warm:
    """A server for python, or a single waiting shell."""

    def __init__(self, entry, python=None, shell=None, preload=None, env=None):
        self.entry = memory_file("entry", entry)
        self.path = python or shell
        self.shell = shell
        self.spare = None
        self.env = dict(clean_environment(self.path) if env is None else env)
        if python:
            self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            archive = memory_file("server", server_zip())
            # As the agent does: no file at 0, pipes at 1 and 2.
            null = os.open("/dev/null", os.O_RDWR)
            pipe = os.pipe()
            fds = [null, pipe[1], pipe[1], theirs.fileno(), self.entry, null, archive]
            vars = dict(self.env, HOME="/nonexistent", LD_BIND_NOW="1", PYTHONPATH="/proc/self/fd/6",
                        ENCLAVE_PRELOAD=preload or default_preload())
            self.pid = start(python, ["python3", MARK], vars, fds)
            theirs.close()
            os.close(archive)
            for fd in (null, *pipe):
                os.close(fd)
            self.hello = self.control.recv(1000).decode()
            if not self.hello.startswith("ready"):
                raise RuntimeError("no server: %r" % self.hello)

    def prepare(self):
        """A waiting process ahead."""
        if self.spare:
            return
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if self.shell:
            start(self.shell, [os.path.basename(self.shell), "-c", ":"],
                  {"LD_PRELOAD": "/proc/self/fd/4", "LD_BIND_NOW": "1"}, [0, 1, 2, theirs.fileno(), self.entry])
        else:
            rights = array.array("i", [theirs.fileno()])
            self.control.sendmsg([b"f"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        theirs.close()
        self.spare = mine

    def wait_ready(self):
        self.prepare()
        said = REPLY.unpack(self.spare.recv(REPLY.size))
        assert said[0] == 1, said
        return said[1]

    def launch(self, argv, env, cwd, uid, gid, fds, limits=()):
        self.prepare()
        job = pack_job(self.path, argv, env, cwd, uid, gid, limits)
        rights = array.array("i", fds)
        self.spare.sendmsg([job], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        while True:
            data = self.spare.recv(REPLY.size)
            if not data:
                raise RuntimeError("the waiting process ended")
            says, pid, step, error, _ = REPLY.unpack(data)
            if says != 1:
                break
        self.spare.close()
        self.spare = None
        if says != 2:
            raise RuntimeError("failed in step %d: %s" % (step, os.strerror(error)))
        return pid

    def close(self):
        if self.spare:
            self.spare.close()
        if not self.shell:
            self.control.close()
            os.waitpid(self.pid, 0)


def cold(path, argv, env, cwd, uid, gid, fds, limits=()):
    pid = os.fork()
    if pid:
        return pid
    try:
        high = [os.dup2(os.dup(fd), 100 + i) for i, fd in enumerate(fds)]
        for i, fd in enumerate(high):
            os.dup2(fd, i, inheritable=True)
        os.closerange(3, 1024)
        os.setsid()
        os.umask(0o022)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        for number, soft, hard in limits:
            resource.setrlimit(number, (soft, hard))
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        os.chdir(cwd)
        os.execve(path, argv, env)
    finally:
        os._exit(127)


def run(launch, stdin=None, timeout=60, uid=65534):
    """-> (stdout, stderr, status) of launch(fds) -> pid. stdin None: no file."""
    pipes = [os.pipe() for _ in range(3)]
    for pair in pipes:
        for fd in pair:
            os.fchown(fd, uid, -1)
    if stdin is None:
        os.close(pipes[0][0])
        pipes[0] = (os.open("/dev/null", os.O_RDWR), pipes[0][1])
    fds = [pipes[0][0], pipes[1][1], pipes[2][1]]
    pid = launch(fds)
    for fd in fds:
        os.close(fd)
    feed, out, err = pipes[0][1], pipes[1][0], pipes[2][0]
    os.set_blocking(feed, False)
    got = {out: b"", err: b""}
    deadline = time.monotonic() + timeout
    left = memoryview(stdin or b"")
    open_fds = {out, err}
    if not stdin:
        os.close(feed)
        feed = None
    while open_fds:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            got[err] += b"\n*** timeout\n"
            deadline = float("inf")
        r, w, _ = select.select(list(open_fds), [feed] if feed is not None else [], [], 1)
        if w:
            try:
                left = left[os.write(feed, left[:65536]):]
            except BrokenPipeError:
                left = left[:0]
            if not left:
                os.close(feed)
                feed = None
        for fd in r:
            data = os.read(fd, 65536)
            if data:
                got[fd] += data
            else:
                open_fds.discard(fd)
    if feed is not None:
        os.close(feed)
    os.close(out)
    os.close(err)
    _, status = os.waitpid(pid, 0)
    return got[out], got[err], status
