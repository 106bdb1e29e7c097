import sys, builtins
main = sys.modules["__main__"]
print(sorted(vars(main)))
print(__spec__, type(__loader__).__name__, __loader__.name, __loader__.path, __package__, __doc__)
print(__builtins__ is builtins, __builtins__, "__cached__" in globals(), __file__, __name__)
print(__loader__.get_source("__main__")[:10], __loader__.is_package("__main__"))
print(sys.path[0], sys.argv, getattr(sys, "orig_argv", None), main.__dict__ is globals())
print(globals()["__annotations__"] if "__annotations__" in globals() else "none")
x: int = 1
print(__annotations__ if sys.version_info < (3, 14) else {"x": int})
print(sys._getframe().f_back, sys._getframe().f_code.co_name, sys._getframe().f_lineno)
#: args one
