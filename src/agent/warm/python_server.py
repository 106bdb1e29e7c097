# The Python server: an interpreter that has started, imported the common modules, and
# forks a child for each run. A child is to be indistinguishable from `python3 FILE ...`.
#
# How: the server is a real `python3 FILE` that is stopped on its way. The agent starts it
# with a name of no file (the mark) and with this file as `sitecustomize`, which the
# interpreter imports late in its start. It serves where that start is over; a child that
# has got its job puts the job's script name in place of the mark and simply returns, and
# the interpreter goes on as it always does: sys.path[0], __main__, running the file,
# tracebacks, atexit, finalisation, the exit code. No frame of the server's is below, and
# nothing of all that is imitated.
#
# What is left to hide is what the server imported. Modules that a fresh interpreter has
# not are taken out of sys.modules and kept aside; an import of one, in a child, brings
# it back with the modules that its own import would have brought, in that order, as long
# as it would come out the same: see python_preloads.py. The agent carries the python_*.py
# as one file, this one last.
#
# What a program can still notice, if it looks for it: the seed of str hashes is the same in
# all children of one server (a run that sets PYTHONHASHSEED, as most PYTHON* variables, is
# executed); object.__subclasses__() has the classes of kept modules, and gc.get_objects()
# and gc.get_freeze_count() know that the server's objects are frozen; atexit has one more
# callback; the peak of memory begins with what it shares with the server; /proc/self/maps
# shows what the server has loaded; parents of a preloaded module that were changed inside
# (not their variables) before its import are not seen to differ; in 3.14, sys.modules has no
# _py_warnings.
import sys


class Server(Facts):
    SOCKET = 3
    ENTRY = "/proc/self/fd/4"
    ZIP = "/proc/self/fd/6"
    FORK_TWICE = -2

    def __init__(self):
        self.renames = []
        self.mark = sys.argv[0]
        self.encoding = sys.getfilesystemencoding()

    # start -----------------------------------------------------------------------------

    def start(self):
        """Prepares everything up to the first fork. True in the child of a trial run."""
        if sys.implementation.name != "cpython":
            raise Refuse("%s is not CPython" % sys.implementation.name)
        if sys.version_info < (3, 8):
            raise Refuse("Python %d.%d is older than 3.8" % sys.version_info[:2])
        if sys.version_info >= (3, 15):
            raise Refuse("Python %d.%d was not seen to be the same" % sys.version_info[:2])
        flags = sys.flags
        if flags.isolated or flags.no_site or flags.ignore_environment:
            raise Refuse("the interpreter has unusual flags")
        # The program's own module must not be kept beyond its end.
        base = {n: m for n, m in sys.modules.items() if n != "__main__"}
        self.preloads = Preloads(base)
        finders = list(sys.path_importer_cache)

        import posix

        self.posix = posix
        from os import environ

        self.environ = environ
        if posix.environ is not environ._data:
            raise Refuse("os.environ is not the process's")
        wanted = self.read_wanted()
        # Some do a part of their work once: the first compilation is 2 ms slower.
        failed = self.preloads.load(["atexit", "ctypes", "gc", "itertools"] + wanted)
        for needed in ("atexit", "ctypes", "gc", "itertools"):
            if needed in failed:
                raise Refuse("it has no %s: %s" % (needed, failed[needed]))
        self.common = [name for name in wanted[:6] if name not in failed]
        compile("def f(x):\n    return [i for i in x]\n", "<none>", "exec")
        self.load_entry()
        self.find_names()
        self.hook_imports()
        if "re" in sys.modules:
            sys.modules["re"].purge()
        self.note_all()  # imports what it needs
        self.preloads.hide()
        self.preloads.settle(sys.meta_path, sys.path_hooks)
        # A list of a folder of modules stays good: it is checked at each use.
        self.preloads.clean_folders = frozenset(sys.path)
        for entry in list(sys.path_importer_cache):
            if entry not in finders and entry not in sys.path:
                del sys.path_importer_cache[entry]
        # What is kept is never freed, and the collector leaves it alone: a child would
        # spend milliseconds on it at its end.
        gc = self.preloads.known["gc"]
        for each in (self.preloads.known, self.preloads.values, self.preloads.kept, self):
            self.ctypes.pythonapi["Py_IncRef"](self.ctypes.py_object(each))
        self.prepare_end()
        self.freeze(gc)
        self.trim()
        if self.trials():
            return True
        self.freeze(gc)
        self.pid = posix.getpid()
        for name, why in failed.items():
            self.say("lacks %s: %s" % (name, why))
        self.say("ready %d.%d.%d" % sys.version_info[:3])
        return False

    def trim(self):
        """What the start left unused would be copied by every fork."""
        try:
            self.ctypes.pythonapi["malloc_trim"](0)
        except AttributeError:
            pass  # another C library

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
        self.own_customization = self.customize()

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
        if not entry.enclave_can_become():
            raise Refuse("the interpreter's interface is not complete")

        class View(ctypes.Structure):
            _fields_ = [
                (name, address) for name in "path folder arguments variables end".split()
            ] + [("argument_count", ctypes.c_uint32), ("variable_count", ctypes.c_uint32)]

        known, view = ctypes.c_void_p, ctypes.POINTER(View)
        entry.enclave_serve.argtypes = [integer, integer, known, view]
        entry.enclave_next.argtypes = [integer, known]
        entry.enclave_take.argtypes = [integer, integer, known, view]
        entry.enclave_become.argtypes = [known, view]
        entry.enclave_find.argtypes = [address, address, text, ctypes.POINTER(address), integer]
        entry.enclave_prepare()
        self.entry = entry
        self.view = View()
        self.string_at = ctypes.string_at
        # Both are loaded: what they were loaded from can go, and no child has it.
        for fd in (4, 6):
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

    def hook_imports(self):
        preloads = self.preloads
        kept, restore = preloads.kept, preloads.restore
        gettrace, getprofile = sys.gettrace, sys.getprofile
        manager = sys.modules["_frozen_importlib"]._ModuleLockManager
        enter = manager.__enter__

        # Called once for each import of a module that is not there, before it is looked
        # for; never on the stack while a module's own code runs. Who traces sees nothing of
        # ours: no other function, and this one is as if it were of the import's own module.
        def __enter__(self):
            if self._name in kept and not gettrace() and not getprofile():
                restore(self._name)
            return enter(self)

        code = __enter__.__code__.replace(co_filename="<frozen importlib._bootstrap>")
        own = type(enter)(code, enter.__globals__, "__enter__", None, __enter__.__closure__)
        own.__qualname__ = enter.__qualname__
        own.__module__ = enter.__module__
        manager.__enter__ = own

    # serving ---------------------------------------------------------------------------

    def say(self, text):
        self.posix.write(self.SOCKET, text.encode("utf-8", "replace")[:1000])

    def serve(self):
        """Forks a child for each socket that comes. Returns in a child that has become its
        job."""
        posix, entry = self.posix, self.entry
        while True:
            done = entry.enclave_serve(self.SOCKET, self.may_fork_once, self.known, self.view)
            if done == 0:
                return
            socket = -1
            if done == self.FORK_TWICE:
                socket = entry.enclave_next(self.SOCKET, self.known)
                self.may_fork_once = False
            if socket < 0:
                posix._exit(0)
            if self.fork_twice():
                entry.enclave_take(self.SOCKET, socket, self.known, self.view)
                return
            posix.close(socket)

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


    def take_input(self):
        """sys.stdin was made for no file; a pipe is not like that."""
        old, io = sys.stdin, self.preloads.base["io"]
        buffer = io.open(0, "rb", -1, closefd=False)
        buffer.raw.name = "<stdin>"
        through = old.write_through
        new = io.TextIOWrapper(buffer, old.encoding, old.errors, "\n", write_through=through)
        new.mode = "r"
        sys.stdin = sys.__stdin__ = new
        self.end.input = new, buffer, buffer.raw


def guarded(step):
    """What goes wrong ends the process, with a reason: it must not run a program."""
    try:
        step()
    except BaseException as error:
        import os

        why = error.args[0] if isinstance(error, Refuse) else repr(error)
        os.write(3, ("refuse %s" % why).encode("utf-8", "replace")[:1000])
        os._exit(126)


def main():
    """Serves when the interpreter asks its path hooks whether its script, the mark, is a
    folder or an archive: it is about to run it. What follows that is a child's."""
    server = Server()

    def start_and_serve():
        if not server.start():
            server.serve()

    def hook(path):
        if path.endswith(server.mark):
            sys.path_hooks.remove(hook)
            del sys.path_importer_cache[path]
            guarded(start_and_serve)
        raise ImportError(path)

    guarded(server.withdraw)
    sys.path_hooks.append(hook)
    return server.own_customization


if main() is None:
    # As if this file were not there: the interpreter expects just that.
    sys.modules["sitecustomize"] = type(sys)("sitecustomize")  # it removes it again
    raise ImportError("No module named 'sitecustomize'", name="sitecustomize")
