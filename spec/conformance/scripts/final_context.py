import contextlib
@contextlib.contextmanager
def manager():
    print("in")
    yield
    print("out")
m = manager()
m.__enter__()
