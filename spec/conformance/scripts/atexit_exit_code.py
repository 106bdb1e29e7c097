import atexit, os
atexit.register(os._exit, 13)
