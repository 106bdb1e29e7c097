# What a child of the Python server does between its job and its program.
import sys


class Child:
    # What enclave_become says.
    MODULES_DIFFER, SCRIPT_MISSING, SCRIPT_WATCHES, NO_ENVIRONMENT = 1, 2, 4, 8

    def become(self, view):
        """Turns this process into what `python3 ARGUMENTS` would be by now."""
        arguments = self.strings(view.arguments, view.variables)
        flags = self.entry.enclave_become(self.known, view)
        self.take_environment(self.strings(view.variables, view.end))
        self.take_input()
        if flags & (self.NO_ENVIRONMENT | self.MODULES_DIFFER) or not self.rename(arguments[1]):
            self.start_anew(view)
        self.end.broken = bool(flags & self.SCRIPT_MISSING)
        if flags & self.SCRIPT_WATCHES:
            self.preloads.kept.clear()
        if "threading" in self.preloads.base:
            self.preloads.freshen_threading(self.preloads.base["threading"])
        site = self.preloads.base["site"]
        site.USER_BASE = self.environ["HOME"] + self.user_base
        site.USER_SITE = self.environ["HOME"] + self.user_site
        names = [self.decode(each) for each in arguments]
        sys.argv[:] = names[1:]
        if hasattr(sys, "orig_argv"):
            sys.orig_argv[:] = names
        self.end.module_count = len(sys.modules)

    def start_anew(self, view):
        """What cannot be the same from here is executed."""
        arguments = self.strings(view.arguments, view.variables)
        variables = {}
        for each in self.strings(view.variables, view.end):
            name, _, value = each.partition(b"=")
            variables.setdefault(name, value)
        self.posix.execve(self.string_at(view.path), arguments, variables)

    def strings(self, start, end):
        block = self.string_at(start, end - start)
        return block.split(b"\0")[:-1]

    def decode(self, text):
        return text.decode(self.encoding, "surrogateescape")

    def encode(self, text):
        return text.encode(self.encoding, "surrogateescape")

    def take_environment(self, variables):
        data = self.environ._data
        data.clear()
        for each in variables:
            name, is_set, value = each.partition(b"=")
            # As the interpreter does: without "=" it is no variable; the first one wins.
            if is_set and name and name not in data:
                data[name] = value
        for name, value in self.coerced:
            if name not in data:
                data[name] = value
                self.posix.putenv(name, value)
        if self.posix.environ is not data:
            self.posix.environ.clear()
            self.posix.environ.update(data)
        if b"TZ" in data:
            self.preloads.base["time"].tzset()

    def take_input(self):
        """sys.stdin was made for no file; a pipe is not like that."""
        posix = self.posix
        if posix.fstat(0).st_mode & 0o170000 != 0o010000:
            return
        old, io = sys.stdin, self.preloads.base["io"]
        buffer = io.open(0, "rb", -1, closefd=False)
        buffer.raw.name = "<stdin>"
        new = io.TextIOWrapper(buffer, old.encoding, old.errors, "\n")
        new.mode = "r"
        sys.stdin = sys.__stdin__ = new
        self.end.input = new, buffer, buffer.raw

    def rename(self, script):
        """Puts the script's name where the interpreter will look for it."""
        if not script or len(script) + 300 > len(self.mark):
            return False
        name = self.decode(script)
        full = name
        if not script.startswith(b"/"):
            full = self.decode(self.posix.getcwdb()) + "/" + name
        mark = self.mark.encode("ascii")
        done = 0
        for place, back in self.renames:
            text = full if back else name
            if len(text) >= len(mark):
                return False
            wide = (self.ctypes.c_uint32 * len(text))(*map(ord, text))
            done += self.entry.enclave_rename(
                place, mark, back, self.ctypes.addressof(wide), len(text)
            )
        return done >= 2
