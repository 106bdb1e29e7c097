import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
print(libc.getpid() == os.getpid(), libc.atoi(b"42"), vars(ctypes.pythonapi).keys() - {"_name", "_handle", "_FuncPtr"})
libc.puts(b"by the C library")
