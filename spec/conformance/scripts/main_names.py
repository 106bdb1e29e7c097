# What __main__ holds, and what it is called.
print(sorted(globals()))
print(__name__, __doc__, __package__, __spec__, __file__, __builtins__)
print(type(__loader__).__name__, globals().get("__cached__"), globals().get("__annotations__"))
import __main__
print(__main__.__dict__ is globals())
