import atexit
for i in range(3):
    atexit.register(print, "call", i)
@atexit.register
def failing():
    raise ValueError("in atexit")
@atexit.register
def leaving():
    raise SystemExit(3)
print("end", atexit._ncallbacks() >= 5)
