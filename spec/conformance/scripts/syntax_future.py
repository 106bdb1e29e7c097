from __future__ import annotations
def f(x: undefined) -> also_undefined:
    return x
print(f.__annotations__)
