def f():
    raise ValueError("one")
try:
    f()
except ValueError as error:
    group = __builtins__.__dict__.get("ExceptionGroup")
    if group:
        raise group("several", [error, TypeError("two")])
    raise
