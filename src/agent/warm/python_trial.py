# The Python server's trial run: shows that a child of this interpreter does what it should,
# where its quick end may act, and which memory programs need.
import sys


class Refuse(Exception):
    """This interpreter cannot serve; the text says why."""


class Trial:
    SCRIPT = "/proc/self/fd/0"

    def prepare_end(self):
        """Registers the quick end; where it may act is not known yet."""
        known, ctypes, entry = self.preloads.known, self.ctypes, self.entry
        end = self.end = End(known, self.facts)
        size, py_object, integer = ctypes.c_size_t, ctypes.py_object, ctypes.c_int
        quiet = (size * len(end.quiet))(*map(id, end.quiet))
        self.page = self.posix.sysconf("SC_PAGESIZE")
        entry.enclave_end_asks.argtypes = [ctypes.c_void_p, integer] + [py_object] * 3
        entry.enclave_end_tells.argtypes = [ctypes.c_void_p, integer, size]
        entry.enclave_end_is.argtypes = [size]
        known_view = entry.enclave_become.argtypes
        entry.enclave_trial.argtypes = known_view + [integer, ctypes.c_char_p, integer]
        entry.enclave_needs.argtypes = [ctypes.c_void_p, integer, integer]
        plain = end.plain
        self.held_end = quiet, plain
        entry.enclave_end_asks(quiet, len(quiet), plain, None, True)
        known["atexit"].register(entry.enclave_at_end)

    def writable(self):
        """The parts of memory that are this process's own: [start, end, …]"""
        parts = []
        with open("/proc/self/maps") as maps:
            for line in maps.read().splitlines():
                place, rights = line.split(None, 2)[:2]
                if rights == "rw-p":
                    parts += [int(each, 16) for each in place.split("-")]
        return parts

    def trial_job(self):
        text = b"/\0/\0python3\0%s\0a b\0HOME=/nonexistent\0" % self.SCRIPT.encode()
        self.held_job = self.ctypes.create_string_buffer(text)
        start = self.ctypes.addressof(self.held_job)
        view = self.view
        view.path = start
        view.arguments = start + text.index(b"python3")
        view.variables = start + text.index(b"HOME")
        view.end = start + len(text)
        view.argument_count, view.variable_count = 3, 1
        return view

    def trials(self):
        """Runs two programs in children, like any others. True in a child."""
        size = self.ctypes.c_size_t
        parts = self.writable()
        self.held_parts = parts = (size * len(parts))(*parts)
        self.entry.enclave_end_tells(parts, len(parts) // 2, self.page)
        expected = repr([[self.SCRIPT, "a b"], "__main__", self.SCRIPT]).encode() + b"\n"
        program = "import sys, %s\nprint([sys.argv, __name__, __file__], flush=True)\n"
        sure = self.trial(b"print(1, flush=True)\n", b"1\n")
        if sure:
            many = self.trial((program % ", ".join(self.common or ["os"])).encode(), expected)
        if not sure or not many:
            return True
        # Where sys.exit() ends as deep as a plain end, as from 3.14 on, depth proves nothing:
        # there is no quick end then, as no stack is that deep.
        code = self.trial(b"import sys\nprint(1, flush=True)\nsys.exit(3)\n", b"1\n")
        if not code:
            return True
        proves = sure[0] == many[0] != code[0]
        self.entry.enclave_end_is(sure[0] if proves else 1)
        sure, many = self.pages(sure[1:]), self.pages(many[1:])
        runs = self.runs(sure)
        count = len(runs)
        runs += self.runs(many - sure)
        self.held_runs = ranges = (size * (2 * len(runs)))(*[x for run in runs for x in run])
        self.entry.enclave_needs(ranges, count, len(runs))
        return False

    def trial(self, program, expected):
        """-> [depth, from, to, from, to, …]; None in the child."""
        posix, size = self.posix, self.ctypes.c_size_t
        script = posix.memfd_create("program")
        posix.write(script, program)
        room = self.ctypes.create_string_buffer(1 << 16)
        length = self.entry.enclave_trial(self.known, self.trial_job(), script, room, len(room))
        if length == 0:
            return None
        posix.close(script)
        said = room.raw[: max(length, 0)]
        numbers, width = said[len(expected) :], self.ctypes.sizeof(size)
        if not said.startswith(expected) or not numbers or len(numbers) % width:
            raise Refuse("the trial run failed: %d, %r" % (length, said[:200]))
        return list(memoryview(numbers).cast("N"))

    def pages(self, numbers):
        starts, ends = numbers[::2], numbers[1::2]
        return {at for run in zip(starts, ends) for at in range(*run, self.page)}

    def runs(self, pages):
        runs = []
        for at in sorted(pages):
            if runs and runs[-1][1] == at:
                runs[-1][1] += self.page
            else:
                runs.append([at, at + self.page])
        return runs
