# The Python server's trial run: shows that a child of this interpreter does what it should,
# where its quick end may act, and which memory any program needs.
import sys


class Refuse(Exception):
    """This interpreter cannot serve; the text says why."""


class Trial(Child):
    def prepare_end(self):
        """Registers the quick end; where it may act is not known yet."""
        known = self.preloads.known
        self.end = End(known)
        known["atexit"].register(self.entry.enclave_at_end)

    def allow_end(self, depth):
        end = self.end
        size, py_object = self.ctypes.c_size_t, self.ctypes.py_object
        quiet = (size * len(end.quiet))(*map(id, end.quiet))
        plain = end.plain
        self.held = quiet, plain
        is_end = self.entry.enclave_end_is
        is_end.argtypes = [size, self.ctypes.c_void_p, self.ctypes.c_int] + [py_object] * 3
        is_end(depth, quiet, len(quiet), plain, None, True)

    def writable(self):
        """The parts of memory that are this process's own: [(start, end)]"""
        with open("/proc/self/maps") as maps:
            for line in maps.read().splitlines():
                place, rights = line.split(None, 2)[:2]
                if rights == "rw-p":
                    start, _, end = place.partition("-")
                    yield int(start, 16), int(end, 16)

    def copied(self, parts):
        """In a child: the parts of memory that it no longer shares with the server."""
        page = self.known_page
        runs = []
        with open("/proc/self/pagemap", "rb", 0) as pagemap:
            for start, end in parts:
                pagemap.seek(start // page * 8)
                entries = pagemap.read((end - start) // page * 8)
                for i in range(0, len(entries), 8):
                    # Present, and mapped here alone.
                    if entries[i + 7] & 0x81 == 0x81:
                        at = start + i // 8 * page
                        if runs and runs[-1][1] == at:
                            runs[-1][1] = at + page
                        else:
                            runs.append([at, at + page])
        return runs

    def rehearse(self, parts):
        """The last act of the trial's program: what did it need?"""
        self.end.plain()
        try:
            runs = self.copied(parts)
        except OSError:
            runs = []
        sys.stdout.flush()
        self.posix.write(1, " ".join(str(x) for run in runs for x in run).encode() + b"\n")

    def trial_job(self):
        text = b"/\0/\0python3\0/dev/stdin\0a b\0HOME=/nonexistent\0"
        self.held_job = self.ctypes.create_string_buffer(text)
        start = self.ctypes.addressof(self.held_job)
        view = self.view
        view.path = start
        view.arguments = start + text.index(b"python3")
        view.variables = start + text.index(b"HOME")
        view.end = start + len(text)
        view.argument_count, view.variable_count = 3, 1
        return view

    def trial(self):
        """Runs a program in a child, like any other. True in the child."""
        posix = self.posix
        program = "import sys, %s\nsys.stdout.write('%%r\\n' %% [sys.argv, __name__, __file__])\n"
        program = (program % (", ".join(self.common) or "os")).encode()
        expected = repr([["/dev/stdin", "a b"], "__main__", "/dev/stdin"]).encode() + b"\n"
        to_child, from_child = posix.pipe(), posix.pipe()
        self.known_page = posix.sysconf("SC_PAGESIZE")
        parts = list(self.writable())
        child = posix.fork()
        if child == 0:
            posix.dup2(to_child[0], 0)
            posix.dup2(from_child[1], 1)
            posix.close(self.SOCKET)
            for fd in to_child + from_child:
                posix.close(fd)
            self.preloads.known["atexit"].register(self.rehearse, parts)
            self.become(self.trial_job())
            return True
        posix.close(to_child[0])
        posix.close(from_child[1])
        posix.write(to_child[1], program)
        posix.close(to_child[1])
        said = b""
        while True:
            data = posix.read(from_child[0], 4096)
            if not data:
                break
            said += data
        posix.close(from_child[0])
        _, status = posix.waitpid(child, 0)
        size = self.ctypes.sizeof(self.ctypes.c_size_t)
        said, depth = said[:-size], said[-size:]
        if status != 0 or not said.startswith(expected):
            raise Refuse("the trial run failed: status %d, %r" % (status, said[:200]))
        self.allow_end(int.from_bytes(depth, sys.byteorder))
        self.expect([int(x) for x in said[len(expected):].split()])
        return False

    def expect(self, runs):
        """What any program needs is copied while a child waits for its job."""
        array = (self.ctypes.c_size_t * len(runs))(*runs)
        self.held_runs = array
        is_needed = self.entry.enclave_needs
        is_needed.argtypes = [self.ctypes.c_void_p, self.ctypes.c_int]
        is_needed(array, len(runs) // 2)
