# What the Python server finds out about its interpreter for enclave_become: where it keeps
# the script's name, where modules come from, which objects a job changes.
import sys


class Facts(Trial):
    HOOKS = ["zipimporter", "FileFinder.path_hook.<locals>.path_hook_for_FileFinder"]

    def find_names(self):
        """Where the interpreter keeps the script's name."""
        mark = self.mark.encode("ascii")
        room = 64
        found = (self.ctypes.c_size_t * room)()
        with open("/proc/self/maps") as maps:
            lines = maps.read().splitlines()
        for line in lines:
            part = line.split(None, 5)
            name = part[5] if len(part) > 5 else ""
            if not part[1].startswith("rw-p") or (name and name != "[heap]"):
                continue
            start, _, end = part[0].partition("-")
            count = self.entry.enclave_find(int(start, 16), int(end, 16), mark, found, room)
            for place in found[:count]:
                back = 0
                while self.string_at(place - 4 * (back + 1), 4) == b"/\0\0\0":
                    back += 1
                self.renames.append((place, back))
        if len(self.renames) < 2:
            raise Refuse("the interpreter's script name was not found")
        if sys.version_info >= (3, 9) and not any(back for _, back in self.renames):
            raise Refuse("the interpreter's script path was not found")

    def note_all(self):
        """What enclave_become needs to know: struct known."""
        ctypes, base = self.ctypes, self.preloads.base
        path, number, integer = ctypes.c_char_p, ctypes.c_int64, ctypes.c_int
        size = ctypes.c_size_t

        class Folder(ctypes.Structure):
            _fields_ = [("path", path), ("seconds", number), ("nanoseconds", number)]

        class Known(ctypes.Structure):
            _fields_ = [("folders", ctypes.POINTER(Folder))]
            _fields_ += [(name, path) for name in ("user_site", "user_base", "mark")]
            _fields_ += [("renames", ctypes.POINTER(size)), ("coerced", path)]
            _fields_ += [
                (name, size)
                for name in "environment arguments words site modules kept importers none take_input"
                " take_zone take_thread".split()
            ]
            _fields_ += [("module_count", number)]
            _fields_ += [(name, integer) for name in "folder_count rename_count".split()]

        hooks = [getattr(hook, "__qualname__", "") for hook in sys.path_hooks]
        if hooks != self.HOOKS:
            raise Refuse("the interpreter has unusual path hooks: %s" % hooks)
        site, home = base["site"], self.environ["HOME"]
        if not site.getuserbase().startswith(home + "/"):
            raise Refuse("the user's modules are in an unusual place")
        # Where modules come from, and when that changed last: what was preloaded is from
        # there, and a fresh interpreter would look there.
        paths = [each for each in sys.path if not self.is_fixed(each)]
        folders = (Folder * len(paths))()
        for folder, entry in zip(folders, paths):
            folder.path = self.encode(entry)
            try:
                changed = self.posix.stat(entry).st_mtime_ns
                folder.seconds, folder.nanoseconds = divmod(changed, 10**9)
            except OSError:
                folder.seconds = -1
        renames = [each for pair in self.renames for each in pair]
        renames = (size * len(renames))(*renames)
        words = getattr(sys, "orig_argv", None)
        self.take_zone = base["time"].tzset
        self.take_thread = self.preloads.freshen_main if "threading" in base else None
        called = self.take_input, self.take_zone, self.take_thread
        known = Known(
            folders=folders,
            user_base=self.encode(site.getuserbase()[len(home) :]),
            user_site=self.encode(site.getusersitepackages()[len(home) :]),
            mark=self.encode(self.mark),
            renames=renames,
            coerced=self.coerced(),
            environment=id(self.environ._data),
            arguments=id(sys.argv),
            words=id(words) if words else 0,
            site=id(site.__dict__),
            modules=id(sys.modules),
            kept=id(self.preloads.kept),
            importers=id(sys.path_importer_cache),
            none=id(None),
            take_input=id(called[0]),
            take_zone=id(called[1]),
            take_thread=id(called[2]) if called[2] else 0,
            folder_count=len(folders),
            rename_count=len(self.renames),
        )
        self.held_known = folders, renames, words, called, known
        self.facts = known
        self.known = ctypes.addressof(known)

    def is_fixed(self, path):
        """Whether nothing can be put there: a file system for reading alone."""
        while path:
            try:
                return bool(self.posix.statvfs(path).f_flag & self.posix.ST_RDONLY)
            except OSError:
                path = path.rpartition("/")[0]
        return False

    def coerced(self):
        """The interpreter may have chosen another locale than it was given, and says so
        in the environment; a fresh one would do the same."""
        given = self.environ.get("ENCLAVE_LC_CTYPE")
        if given is None and "LC_CTYPE" in self.environ:
            return b"LC_CTYPE=" + self.encode(self.environ["LC_CTYPE"])
        return None

    def encode(self, text):
        return text.encode(self.encoding, "surrogateescape")
