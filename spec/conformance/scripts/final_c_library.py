import ctypes
c = ctypes.CDLL(None)
print("on", flush=True)
c.__cxa_atexit(ctypes.cast(c._exit, ctypes.c_void_p), ctypes.c_void_p(7), None)
