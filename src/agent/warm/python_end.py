# Whether a child of the Python server may end at once.
import sys


class End:
    """Whether a process may end without the interpreter's finalisation: it must not be
    possible to tell. See enclave_at_end."""

    # Extension modules of the standard library whose objects end without effect.
    INERT = frozenset(
        "math cmath array binascii zlib unicodedata select fcntl resource grp pyexpat termios"
        " _random _json _datetime _struct _heapq _bisect _csv _decimal _statistics _pickle"
        " _opcode _contextvars _queue _posixsubprocess _socket _hashlib _md5 _sha1 _sha2"
        " _sha256 _sha512 _sha3 _blake2 _uuid _typing _elementtree _asyncio _zoneinfo _bz2"
        " _lzma _interpreters _posixshmem _multiprocessing _crypt _locale".split()
    )

    # With these a program may have ends that the collector does not tell of: of what it has
    # frozen, and of libraries in C, also where they are built into the interpreter.
    UNSEEN = "gc readline _ctypes _curses _dbm _gdbm _sqlite3 _tkinter".split()

    def __init__(self, known, facts):
        self.known = known
        self.facts = facts  # struct known
        self.get_objects = known["gc"].get_objects
        self.get_debug = known["gc"].get_debug
        self.thread_count = known["_thread"]._count
        self.std = [id(sys.stdout), id(sys.stderr)]  # no more: they go at the end
        self.bases = type.__dict__["__mro__"].__get__
        self.members = type.__dict__["__dict__"].__get__
        self.reference = known["_weakref"].ref
        self.excepthook = sys.excepthook
        self.modules = sys.modules
        self.islice = known["itertools"].islice
        self.input = ()  # the parts of a sys.stdin that was made late
        self.quiet = [sys.gettrace, sys.getprofile]
        if hasattr(sys, "monitoring"):
            partial = known["functools"].partial
            self.quiet += [partial(sys.monitoring.get_tool, i) for i in range(6)]

    def plain(self):
        """True: the exit code is 0, and nothing is left to see."""
        if hasattr(sys, "last_type") or hasattr(sys, "last_exc"):
            return False
        if sys.excepthook is not self.excepthook or sys.modules is not self.modules:
            return False
        if any(name in self.modules for name in self.UNSEEN):
            return False
        streams = [sys.stdout, sys.stderr]
        if list(map(id, streams)) != self.std or self.thread_count() or self.get_debug():
            return False
        main = self.modules.get("__main__")
        if type(getattr(main, "__loader__", None)).__name__ != "SourceFileLoader":
            return False
        # The last ones in are the program's: to look at all would copy their pages.
        fresh = len(self.modules) - self.facts.module_count
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
