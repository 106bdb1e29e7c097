import atexit, sys
atexit.register(lambda: print("last", hasattr(sys, "last_value")))
raise KeyError("x")
