import os, sys
def hook(event, arguments, write=os.write):
    if event.startswith(("gc.", "cpython.", "ctypes.")):
        write(1, event.encode() + b"\n")
sys.addaudithook(hook)
