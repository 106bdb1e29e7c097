# The Python server: an interpreter that has started, imported the common modules, and
# forks a child for each run. A child is to be indistinguishable from `python3 FILE ...`.
#
# How: the server is a real `python3 FILE` that is stopped on its way. The agent starts it
# with a name of no file (the mark) and with this file as `sitecustomize`, which the
# interpreter imports late in its start. Here it serves; a child that has got its job
# puts the job's script name in place of the mark and simply returns, and the interpreter
# goes on as it always does: sys.path[0], __main__, running the file, tracebacks,
# atexit, finalisation, the exit code. No frame of the server's is below, and nothing of
# all that is imitated.
#
# What is left to hide is what the server imported. Modules that a fresh interpreter has
# not are taken out of sys.modules and kept aside; an import of one, in a child, brings
# it back with the modules that its own import would have brought, in that order, as long
# as it would come out the same: see Preloads.restore.
import sys


class Refuse(Exception):
    """This interpreter cannot serve; the text says why."""


def not_importing():
    """True while imports are being watched, when a kept module must not stand in."""
    if sys.gettrace() or sys.getprofile():
        return True
    monitoring = getattr(sys, "monitoring", None)
    return bool(monitoring) and any(monitoring.get_tool(i) for i in range(6))


def same_values(now, then):
    return len(now) == len(then) and all(a is b for a, b in zip(now.values(), then.values()))


class Preloads:
    # These keep the process's id, folder or a secret from their import on.
    NEVER = ("multiprocessing", "concurrent", "site", "sitecustomize", "usercustomize")
    # What any program changes in sys.
    VOLATILE = frozenset(
        "stdin stdout stderr __stdin__ __stdout__ __stderr__ argv orig_argv path ps1 ps2 last_type last_value last_traceback"
        " last_exc displayhook excepthook unraisablehook tracebacklimit dont_write_bytecode"
        " __interactivehook__ meta_path path_hooks".split()
    )

    def __init__(self, base):
        self.base = base  # name -> module, as in a fresh interpreter
        self.kept = {}  # name -> module, not brought back yet
        self.known = dict(base)
        self.needs = {}  # name -> names that its import brings, in order
        self.asked = set()  # names that came because an import asked for them
        self.at_exit = {}  # name -> calls that its import registered
        self.values = {}  # name -> its variables

    # in the server ---------------------------------------------------------------------

    def load(self, names):
        """Imports, and notes which import brought what. -> {name: why not}"""
        import atexit
        import builtins

        real_import = builtins.__import__
        real_register = atexit.register
        modules = sys.modules
        failed = {}
        watching = True
        active = []  # imports under way: (whose, of what)

        def importer():
            frame = sys._getframe(2)
            while frame and frame.f_code.co_name != "<module>":
                frame = frame.f_back
            owner = frame.f_globals.get("__name__", "") if frame else ""
            # A module in C has no frame: it imports under the name of who imports it.
            if active and active[-1][0] == owner:
                return active[-1][1]
            return owner

        def note(owner, name):
            names = self.needs.setdefault(owner, [])
            if name not in names and name != owner:
                names.append(name)

        def watching_import(name, globals=None, locals=None, fromlist=(), level=0):
            owner = importer()
            full = name
            if level > 0:
                package = (globals or {}).get("__package__") or ""
                full = package.rsplit(".", level - 1)[0] + ("." + name if name else "")
            parts = [full] + ["%s.%s" % (full, item) for item in fromlist or ()]
            absent = [part for part in parts if part not in modules]
            active.append((owner, full))
            try:
                module = real_import(name, globals, locals, fromlist, level)
            finally:
                active.pop()
            self.asked.update(part for part in absent if part in modules)
            for part in parts:
                if part in modules:
                    note(owner, part)
            return module

        def watching_register(call, *args, **kwargs):
            if watching:
                self.at_exit.setdefault(importer(), []).append((call, args, kwargs))
                return call
            return real_register(call, *args, **kwargs)

        before = set(modules)
        builtins.__import__ = watching_import
        atexit.register = watching_register
        try:
            for name in names:
                if name.split(".")[0] in self.NEVER:
                    failed[name] = "is never preloaded"
                    continue
                try:
                    real_import(name)
                except Exception as error:
                    failed[name] = "%s: %s" % (type(error).__name__, error)
                for found in [n for n in modules if n not in before]:
                    before.add(found)
                    self.adopt(found, name)
        finally:
            watching = False
            builtins.__import__ = real_import
            atexit.register = real_register
        return failed

    def adopt(self, found, root):
        """A module that came without being asked for belongs to its parent's import; so
        does a second name for one."""
        parent = found.rpartition(".")[0]
        owner = parent or root
        second = parent and found not in self.asked
        # What a part of it was asked for was asked for too.
        asked_for = found == root or any(
            name == found or name.startswith(found + ".")
            for names in self.needs.values()
            for name in names
        )
        names = self.needs.setdefault(owner, [])
        if (second or not asked_for) and found not in names:
            order = list(sys.modules)
            when = order.index(found)
            later = [i for i, name in enumerate(names) if order.index(name) > when]
            names.insert(later[0] if later else len(names), found)

    def hide(self):
        """Takes from sys.modules what a fresh interpreter has not."""
        modules = sys.modules
        for name, module in list(modules.items()):
            if self.base.get(name) is module or name == "__main__":
                continue
            del modules[name]
            if name.split(".")[0] not in self.NEVER and module is not None:
                self.kept[name] = module
                self.known[name] = module
        for name, module in self.base.items():
            modules.setdefault(name, module)
        # A package has its parts as attributes once they were imported, not before.
        for name, module in self.kept.items():
            parent, _, part = name.rpartition(".")
            holder = self.known.get(parent)
            if holder and getattr(holder, "__dict__", {}).get(part) is module:
                if parent in self.base or name not in self.closure(parent):
                    delattr(holder, part)
        for name, module in self.known.items():
            if hasattr(module, "__dict__"):
                self.values[name] = self.variables(name)

    def closure(self, name):
        seen = set()
        left = [name]
        while left:
            each = left.pop()
            if each not in seen:
                seen.add(each)
                left.extend(self.needs.get(each, ()))
        return seen

    def variables(self, name):
        variables = self.known[name].__dict__
        if name != "sys":
            return dict(variables)
        return {k: v for k, v in variables.items() if k not in self.VOLATILE}

    def settle(self, meta_path, path_hooks):
        """What the ways of finding modules are, as long as nobody changed them."""
        self.meta_path = list(meta_path)
        self.path_hooks = list(path_hooks)
        self.modules = sys.modules

    # in a child ------------------------------------------------------------------------

    def restore(self, name):
        """Brings a kept module back, if importing it would give the same."""
        if not_importing() or sys.modules is not self.modules:
            return
        if sys.meta_path != self.meta_path or sys.path_hooks != self.path_hooks:
            return
        coming = []
        if not self.collect(name, coming, set()) or self.shadowed(name, coming):
            return
        for each in coming:
            module = self.kept.pop(each, None)
            if module is None:
                continue  # another thread was faster
            self.modules[each] = module
            parent, _, part = each.rpartition(".")
            holder = self.known.get(parent)
            if holder and part not in holder.__dict__:
                setattr(holder, part, module)
                self.values[parent] = self.variables(parent)
            self.freshen(each, module)

    def collect(self, name, coming, seen):
        """The modules to bring, in the order of their import; False: it would differ."""
        if name in seen:
            return True
        parent = name.rpartition(".")[0]
        if parent and not self.collect(parent, coming, seen):
            return False
        if name in seen:
            return True
        seen.add(name)
        module = self.known.get(name)
        now = self.modules.get(name, self)
        if module is None:
            return False
        if now is self:
            if name not in self.kept:
                return False  # it was here and was taken away: import it anew
        elif now is not module:
            return False
        elif name in self.values and not same_values(self.variables(name), self.values[name]):
            return False
        if now is self:
            for each in self.needs.get(name, ()):
                if not self.collect(each, coming, seen):
                    return False
            coming.append(name)  # a module moves to the end when it is complete
        return True

    def shadowed(self, name, coming):
        """Whether a folder that is searched earlier has one of these names."""
        places = set()
        tops = set()
        for each in coming:
            spec = getattr(self.known[each], "__spec__", None)
            if "." not in each and spec and spec.has_location and spec.origin:
                tops.add(each)
                folder = spec.origin.rpartition("/")[0]
                if spec.submodule_search_locations is not None:
                    folder = folder.rpartition("/")[0]
                places.add(folder)
        importer = self.known["_frozen_importlib_external"].PathFinder._path_importer_cache
        for entry in list(sys.path):
            if not places:
                return False
            places.discard(entry)
            if entry in self.clean_folders:
                continue
            finder = importer(entry)
            if finder is None:
                continue
            if type(finder).__name__ != "FileFinder":
                return True
            # Its own search keeps its list of the folder up to date.
            spec = finder.find_spec(name.partition(".")[0])
            if spec and spec.loader:
                return True
            if tops & {file.partition(".")[0] for file in finder._path_cache}:
                return True
        return bool(places)

    def freshen(self, name, module):
        """State that a module takes when it is imported."""
        for call, args, kwargs in self.at_exit.get(name, ()):
            self.known["atexit"].register(call, *args, **kwargs)
        if name == "logging":
            clock = self.known["time"]
            now = getattr(module, "_startTime", 0)
            module._startTime = clock.time_ns() if isinstance(now, int) else clock.time()
        elif name == "threading":
            self.freshen_threading(module)
        elif name == "numpy.random":
            module.seed()
        else:
            return
        self.values[name] = self.variables(name)


    def freshen_threading(self, module):
        """The main thread is another one than in the server."""
        main = module.main_thread()
        if getattr(main, "_native_id", None):
            main._set_native_id()
        lock = getattr(main, "_tstate_lock", None)
        if lock is not None and hasattr(module, "_shutdown_locks"):
            module._shutdown_locks.add(lock)


class End:
    """Whether a process may end without the interpreter's finalisation: it must not be
    possible to tell. See enclave_at_end."""

    # Extension modules of the standard library whose objects end without effect.
    INERT = frozenset(
        "math cmath array binascii zlib unicodedata select fcntl resource grp pyexpat termios"
        " _random _json _datetime _struct _heapq _bisect _csv _decimal _statistics _pickle"
        " _opcode _contextvars _queue _posixsubprocess _socket _hashlib _md5 _sha1 _sha2"
        " _sha256 _sha512 _sha3 _blake2 _uuid _typing _elementtree _asyncio _zoneinfo _bz2"
        " _lzma _ctypes _interpreters _posixshmem _multiprocessing _crypt _locale".split()
    )

    def __init__(self, known):
        self.known = known
        self.get_objects = known["gc"].get_objects
        self.get_debug = known["gc"].get_debug
        self.thread_count = known["_thread"]._count
        self.std = [id(sys.stdout), id(sys.stderr)]  # no more: they go at the end
        self.bases = type.__dict__["__mro__"].__get__
        self.members = type.__dict__["__dict__"].__get__
        self.reference = known["_weakref"].ref
        self.excepthook = sys.excepthook
        self.modules = sys.modules
        self.module_count = 0  # before the program
        self.islice = known["itertools"].islice
        self.input = ()  # the parts of a sys.stdin that was made late
        self.broken = False  # the script could not even be opened
        self.quiet = [sys.gettrace, sys.getprofile]
        if hasattr(sys, "monitoring"):
            partial = known["functools"].partial
            self.quiet += [partial(sys.monitoring.get_tool, i) for i in range(6)]

    def plain(self):
        """True: the exit code is 0, and nothing is left to see."""
        if self.broken or hasattr(sys, "last_type") or hasattr(sys, "last_exc"):
            return False
        if sys.excepthook is not self.excepthook or sys.modules is not self.modules:
            return False
        streams = [sys.stdout, sys.stderr]
        if list(map(id, streams)) != self.std or self.thread_count() or self.get_debug():
            return False
        main = self.modules.get("__main__")
        if type(getattr(main, "__loader__", None)).__name__ != "SourceFileLoader":
            return False
        # The last ones in are the program's: to look at all would copy their pages.
        fresh = len(self.modules) - self.module_count
        if fresh < 0:
            return False
        for name in list(self.islice(reversed(self.modules), fresh)):
            file = getattr(self.modules[name], "__file__", None)
            if file and ".so" in file and name not in self.INERT:
                return False
        if not self.nothing_to_see(self.get_objects()):
            return False
        try:
            for stream in streams:
                stream.flush()
        except BaseException:
            return False  # the interpreter tries again, fails too and says so
        return True

    def nothing_to_see(self, objects):
        """No object that does anything when it goes: closes, writes, calls."""
        kinds = set(map(type, objects))
        for kind in kinds:
            if self.has_end(kind):
                if not all(self.is_input(each) for each in objects if type(each) is kind):
                    return False
        if any(issubclass(kind, self.reference) for kind in kinds):
            for each in objects:
                if issubclass(type(each), self.reference) and each.__callback__ is not None:
                    return False
        # An object may be unknown to the collector; its class is not.
        for each in objects:
            if issubclass(type(each), type) and self.has_end(each):
                return False
        return True

    def is_input(self, each):
        return any(each is part for part in self.input)

    def has_end(self, kind):
        return any("__del__" in self.members(base) for base in self.bases(kind))


class Server:
    SOCKET = 3
    ENTRY = "/proc/self/fd/4"
    ZIP = "/proc/self/fd/5"
    FORK_TWICE = -2

    def __init__(self):
        self.renames = []

    # start -----------------------------------------------------------------------------

    def start(self):
        """Prepares everything up to the first fork. True in the child of a trial run."""
        if sys.implementation.name != "cpython":
            raise Refuse("%s is not CPython" % sys.implementation.name)
        if sys.version_info < (3, 8):
            raise Refuse("Python %d.%d is older than 3.8" % sys.version_info[:2])
        flags = sys.flags
        if flags.isolated or flags.no_site or flags.ignore_environment:
            raise Refuse("the interpreter has unusual flags")
        self.withdraw()
        self.own_customization = self.customize()
        # The program's own module must not be kept beyond its end.
        base = {n: m for n, m in sys.modules.items() if n != "__main__"}
        self.preloads = Preloads(base)
        finders = list(sys.path_importer_cache)

        import posix

        self.posix = posix
        self.mark = sys.argv[0]
        from os import environ

        self.environ = environ
        wanted = self.read_wanted()
        # Some do a part of their work once: the first compilation is 2 ms slower.
        failed = self.preloads.load(["atexit", "ctypes", "gc", "itertools"] + wanted)
        self.common = [name for name in wanted[:6] if name not in failed]
        compile("def f(x):\n    return [i for i in x]\n", "<none>", "exec")
        self.load_entry()
        self.find_names()
        self.folders = self.folder_times()
        self.hook_imports()
        if "re" in sys.modules:
            sys.modules["re"].purge()
        self.preloads.hide()
        self.preloads.settle(sys.meta_path, sys.path_hooks)
        # A list of a folder of modules stays good: it is checked at each use.
        self.preloads.clean_folders = frozenset(self.folders)
        for entry in list(sys.path_importer_cache):
            if entry not in finders and entry not in sys.path:
                del sys.path_importer_cache[entry]
        self.known_locale()
        # What is kept is never freed, and the collector leaves it alone: a child would
        # spend milliseconds on it at its end.
        gc = self.preloads.known["gc"]
        for each in (self.preloads.known, self.preloads.values, self.preloads.kept, self):
            self.ctypes.pythonapi["Py_IncRef"](self.ctypes.py_object(each))
        self.prepare_end()
        self.freeze(gc)
        if self.trial():
            return True
        self.freeze(gc)
        self.pid = posix.getpid()
        self.say("ready %d.%d.%d" % sys.version_info[:3])
        for name, why in failed.items():
            self.say("preload %s: %s" % (name, why))
        return False

    def freeze(self, gc):
        """Only what the program makes is the collector's; its module is, too."""
        api, py_object = self.ctypes.pythonapi, self.ctypes.py_object
        main = sys.modules["__main__"]
        gc.collect()
        for each in (main, main.__dict__):
            if gc.is_tracked(each):
                api["PyObject_GC_UnTrack"](py_object(each))
        gc.freeze()
        for each in (main, main.__dict__):
            api["PyObject_GC_Track"](py_object(each))

    def withdraw(self):
        """No trace of how this file was found."""
        while self.ZIP in sys.path:
            sys.path.remove(self.ZIP)
        sys.path_importer_cache.pop(self.ZIP, None)
        zipimport = sys.modules.get("zipimport")
        if zipimport:
            zipimport._zip_directory_cache.pop(self.ZIP, None)
        sys.modules.pop("sitecustomize", None)

    def customize(self):
        """Runs the image's own sitecustomize, which ours stood before."""
        try:
            import sitecustomize

            return sitecustomize
        except ImportError as error:
            if error.name != "sitecustomize":
                raise Refuse("sitecustomize failed: %s" % error)
        except Exception as error:
            raise Refuse("sitecustomize failed: %s" % error)
        return None

    def read_wanted(self):
        wanted = self.environ.get("ENCLAVE_PRELOAD", "")
        return [name for name in wanted.split(",") if name]

    def load_entry(self):
        ctypes = sys.modules["ctypes"]
        self.ctypes = ctypes
        entry = ctypes.PyDLL(self.ENTRY)
        address, integer, text = ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p

        class View(ctypes.Structure):
            _fields_ = [
                (name, address) for name in "path folder arguments variables end".split()
            ] + [("argument_count", ctypes.c_uint32), ("variable_count", ctypes.c_uint32)]

        entry.enclave_wait.argtypes = [integer, ctypes.POINTER(View)]
        entry.enclave_wait.restype = None
        entry.enclave_environment.argtypes = [ctypes.POINTER(View)]
        entry.enclave_find.argtypes = [address, address, text, ctypes.POINTER(address), integer]
        entry.enclave_rename.argtypes = [address, text, integer, address, integer]
        entry.enclave_prepare()
        self.entry = entry
        self.view = View()
        self.string_at = ctypes.string_at
        # Both are loaded: what they were loaded from can go, and no child has it.
        for fd in (4, 5):
            self.posix.close(fd)
        self.may_fork_once = self.is_plain()

    def is_plain(self):
        """Whether a fork needs nothing of the C library: one thread, and no foreign code
        that asked to be told of forks."""
        if len(self.posix.listdir("/proc/self/task")) != 1:
            return False
        library = sys.modules["os"].__file__.rpartition("/")[0]
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None) or ""
            if ".so" in file and not file.startswith(library + "/lib-dynload/"):
                return False
        return True

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
        self.posix.write(1, repr(runs).encode() + b"\n")

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
            self.become(b"", [b"python3", b"/dev/stdin", b"a b"], [b"HOME=/nonexistent"])
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
        self.expect(eval(said[len(expected):]))
        return False

    def expect(self, runs):
        """What any program needs is copied while a child waits for its job."""
        size = self.ctypes.c_size_t
        array = (size * (2 * len(runs)))(*[x for run in runs for x in run])
        self.held_runs = array
        is_needed = self.entry.enclave_needs
        is_needed.argtypes = [self.ctypes.c_void_p, self.ctypes.c_int]
        is_needed(array, len(runs))

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

    def folder_times(self):
        """When the folders of modules changed last: what was preloaded is from them."""
        times = {}
        for entry in sys.path:
            try:
                times[entry] = self.posix.stat(entry).st_mtime_ns
            except OSError:
                times[entry] = None
        return times

    def known_locale(self):
        # The interpreter may have chosen another locale than it was given, and says so
        # in the environment; a fresh one would do the same.
        self.coerced = []
        given = self.environ.get("ENCLAVE_LC_CTYPE")
        if given is None and "LC_CTYPE" in self.environ:
            self.coerced.append((b"LC_CTYPE", self.environ["LC_CTYPE"].encode()))

    def hook_imports(self):
        preloads = self.preloads
        kept = preloads.kept
        manager = sys.modules["_frozen_importlib"]._ModuleLockManager
        enter = manager.__enter__

        # Called once for each import of a module that is not there, before it is looked
        # for; never on the stack while a module's own code runs.
        def __enter__(self):
            if self._name in kept:
                preloads.restore(self._name)
            return enter(self)

        __enter__.__code__ = __enter__.__code__.replace(
            co_filename="<frozen importlib._bootstrap>"
        )
        __enter__.__qualname__ = enter.__qualname__
        __enter__.__module__ = enter.__module__
        manager.__enter__ = __enter__

    # serving ---------------------------------------------------------------------------

    def say(self, text):
        self.posix.write(self.SOCKET, text.encode("utf-8", "replace")[:1000])

    def serve(self):
        """Forks a child for each socket that comes. Returns in the child, with its job."""
        posix = self.posix
        while True:
            socket = self.entry.enclave_serve(self.SOCKET, self.may_fork_once)
            if socket == self.FORK_TWICE:
                socket = self.entry.enclave_next(self.SOCKET)
                self.may_fork_once = False
                if socket >= 0 and not self.fork_twice():
                    posix.close(socket)
                    continue
            if socket < 0:
                posix._exit(0)
            break
        posix.close(self.SOCKET)
        view = self.view
        self.entry.enclave_wait(socket, view)
        if self.entry.enclave_environment(view) < 0:
            raise MemoryError
        self.become(
            self.string_at(view.path),
            self.strings(view.arguments, view.variables),
            self.strings(view.variables, view.end),
        )

    def fork_twice(self):
        """True in the child: its parent ends at once, so that the agent inherits it."""
        posix = self.posix
        try:
            middle = posix.fork()
            if middle == 0:
                try:
                    if posix.fork() == 0:
                        return True
                finally:
                    if posix.getppid() == self.pid:
                        posix._exit(0)
            posix.waitpid(middle, 0)
        except OSError:
            pass
        return False

    # the child -------------------------------------------------------------------------

    def become(self, path, arguments, variables):
        """Turns this process into what `python3 ARGUMENTS` would be by now."""
        self.take_environment(variables)
        self.take_input()
        if "threading" in self.preloads.base:
            self.preloads.freshen_threading(self.preloads.base["threading"])
        if self.differs(self.preloads.base["site"]) or not self.rename(arguments[1]):
            self.posix.execve(path, arguments, self.posix.environ)
        names = [self.decode(each) for each in arguments]
        sys.argv[:] = names[1:]
        if hasattr(sys, "orig_argv"):
            sys.orig_argv[:] = names
        self.doubt(arguments[1])
        self.end.module_count = len(sys.modules)

    def strings(self, start, end):
        block = self.string_at(start, end - start)
        return block.split(b"\0")[:-1]

    def decode(self, text):
        return text.decode(self.encoding, "surrogateescape")

    def take_environment(self, variables):
        posix = self.posix
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
                posix.putenv(name, value)
        if posix.environ is not data:
            posix.environ.clear()
            posix.environ.update(data)
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

    def differs(self, site):
        """Whether a fresh interpreter would have another module path."""
        site.USER_BASE = site.USER_SITE = None
        user = site.getusersitepackages()
        try:
            self.posix.stat(user)
            return True
        except OSError:
            pass
        return self.folder_times() != self.folders

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

    def doubt(self, script):
        """A program that watches imports from below gets none of the kept modules."""
        posix = self.posix
        try:
            fd = posix.open(script, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)
        except OSError:
            self.end.broken = True
            return
        try:
            if posix.fstat(fd).st_mode & 0o170000 == 0o100000:
                if b"addaudithook" in posix.read(fd, 1 << 20):
                    self.preloads.kept.clear()
        except OSError:
            pass
        finally:
            posix.close(fd)


def main():
    """Serves; returns in a child, whose program comes next."""
    server = Server()
    child = False
    try:
        server.encoding = sys.getfilesystemencoding()
        child = server.start()
        if not child:
            server.serve()
            child = True
    except BaseException as error:
        import os

        why = error.args[0] if isinstance(error, Refuse) else repr(error)
        # A child that is not as it should be must not run.
        os.write(2 if child else 3, ("refuse %s" % why).encode("utf-8", "replace")[:1000])
        os._exit(126)
    return server.own_customization


if main() is None:
    # As if this file were not there: the interpreter expects just that.
    sys.modules["sitecustomize"] = type(sys)("sitecustomize")  # it removes it again
    raise ImportError("No module named 'sitecustomize'", name="sitecustomize")
