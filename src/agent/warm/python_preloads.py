# What the Python server has imported, and how a child gets it: as if its own import had
# brought it.
import sys


def not_importing():
    """True while imports are being watched, when a kept module must not stand in."""
    if sys.gettrace() or sys.getprofile():
        return True
    monitoring = getattr(sys, "monitoring", None)
    return bool(monitoring) and any(monitoring.get_tool(i) for i in range(6))


def same_values(now, then):
    return len(now) == len(then) and all(a is b for a, b in zip(now.values(), then.values()))


class Preloads:
    # These keep the process's id, folder or a secret from their import on. No more: what needs
    # them is imported anew, and a library in C, such as asyncio's, keeps its first import's facts.
    NEVER = "multiprocessing concurrent.futures.process site sitecustomize usercustomize".split()
    # What any program changes in sys.
    VOLATILE = frozenset(
        "stdin stdout stderr __stdin__ __stdout__ __stderr__ argv orig_argv path ps1 ps2"
        " last_type last_value last_traceback last_exc displayhook excepthook unraisablehook tracebacklimit dont_write_bytecode"
        " __interactivehook__ meta_path path_hooks".split()
    )

    def __init__(self, base):
        self.base = base  # name -> module, as in a fresh interpreter
        self.kept = {}  # name -> module, not brought back yet
        self.known = dict(base)
        self.needs = {}  # name -> names that its import brings, in order
        self.asked = set()  # names that came because an import asked for them
        self.at_fork = {}  # name -> what its import wants to be told of forks
        self.at_exit = {}  # name -> calls that its import registered
        self.values = {}  # name -> its variables

    # in the server ---------------------------------------------------------------------

    def is_never(self, name):
        return any(name == each or name.startswith(each + ".") for each in self.NEVER)

    def load(self, names):
        """Imports, and notes which import brought what. -> {name: why not}"""
        import atexit
        import builtins

        real_import = builtins.__import__
        real_register = atexit.register
        modules = sys.modules
        os, posix = modules["os"], modules["posix"]
        real_fork = posix.register_at_fork
        failed = {}
        watching = True
        active = []  # imports under way: (whose, of what)
        looked_at = None  # by whom, with how many modules

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
            nonlocal looked_at
            owner = importer()
            if looked_at != (owner, len(modules)):
                looked_at = owner, len(modules)
                for found in [n for n in modules if n not in before and n not in self.asked]:
                    if found.rpartition(".")[0] == owner:
                        note(owner, found)  # it has put that there itself, before this
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

        def watching_fork(**calls):
            if watching:
                self.at_fork.setdefault(importer(), []).append(calls)
            else:
                real_fork(**calls)

        def watching_register(call, *args, **kwargs):
            if watching:
                self.at_exit.setdefault(importer(), []).append((call, args, kwargs))
                return call
            return real_register(call, *args, **kwargs)

        before = set(modules)
        builtins.__import__ = watching_import
        atexit.register = watching_register
        os.register_at_fork = posix.register_at_fork = watching_fork
        try:
            for name in names:
                if self.is_never(name):
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
            os.register_at_fork = posix.register_at_fork = real_fork
        return failed

    def adopt(self, found, root):
        """A module that came without being asked for belongs to its parent's import; so
        does a second name for one."""
        parent = found.rpartition(".")[0]
        if parent and self.is_never(found):
            return
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
            names.append(found)

    def hide(self):
        """Takes from sys.modules what a fresh interpreter has not."""
        modules = sys.modules
        for name, module in list(modules.items()):
            if self.base.get(name) is module or name == "__main__":
                continue
            del modules[name]
            if self.is_never(name):
                self.disown(name)
            elif module is not None:
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

    def disown(self, name):
        """Its package keeps nothing of it, either."""
        parent = name.rpartition(".")[0]
        holder = self.known.get(parent) or sys.modules.get(parent)
        for part, value in list(vars(holder).items()) if holder else ():
            if getattr(value, "__module__", None) == name:
                delattr(holder, part)

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
        """Brings a kept module back, if importing it would give the same. What goes wrong
        here is no loss: the import goes on as ever."""
        try:
            self.bring(name)
        except Exception:
            pass

    def bring(self, name):
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
        for calls in self.at_fork.get(name, ()):
            self.known["posix"].register_at_fork(**calls)
            if "after_in_child" in calls:
                calls["after_in_child"]()  # it was forked from the server
        if name == "logging":
            clock = self.known["time"]
            now = getattr(module, "_startTime", 0)
            module._startTime = clock.time_ns() if isinstance(now, int) else clock.time()
        elif name == "threading":
            self.freshen_threading(module)
        elif name == "numpy.random":
            module.seed()
        elif name not in self.at_fork:
            return
        self.values[name] = self.variables(name)

    def freshen_main(self):
        self.freshen_threading(self.base["threading"])

    def freshen_threading(self, module):
        """The main thread is another one than in the server."""
        main = module.main_thread()
        if getattr(main, "_native_id", None):
            main._set_native_id()
        lock = getattr(main, "_tstate_lock", None)
        if lock is not None and hasattr(module, "_shutdown_locks"):
            module._shutdown_locks.add(lock)
