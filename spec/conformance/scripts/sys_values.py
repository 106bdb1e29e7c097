import sys
for name in ("argv", "orig_argv", "executable", "prefix", "exec_prefix", "base_prefix", "flags", "path",
             "warnoptions", "_xoptions", "dont_write_bytecode", "hexversion", "platform", "byteorder",
             "float_repr_style", "implementation", "abiflags", "platlibdir", "pycache_prefix",
             "getrecursionlimit", "getswitchinterval", "getdefaultencoding", "getfilesystemencoding",
             "getfilesystemencodeerrors", "gettrace", "getprofile", "excepthook", "displayhook",
             "unraisablehook", "breakpointhook", "stdlib_module_names"):
    value = getattr(sys, name, "none")
    if callable(value) and name.startswith("get"):
        value = value()
    print(name, sorted(value) if isinstance(value, frozenset) else value)
for name in ("last_type", "last_value", "last_exc", "ps1", "tracebacklimit"):
    print(name, hasattr(sys, name))
#: args one  "two three"
