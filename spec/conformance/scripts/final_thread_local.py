import threading, os
class Loud:
    def __del__(self):
        os.write(1, b"gone\n")
local = threading.local()
local.value = Loud()
