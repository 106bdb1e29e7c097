import atexit
def f():
    print("f")
atexit.register(f)
atexit.unregister(f)
