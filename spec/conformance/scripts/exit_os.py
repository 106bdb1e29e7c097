import os, atexit
atexit.register(print, "never")
print("never flushed")
os._exit(9)
