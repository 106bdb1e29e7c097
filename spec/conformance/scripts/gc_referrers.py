import gc
class A:
    pass
a = A()
box = [a]
print(any(r is box for r in gc.get_referrers(a)), any(o is box for o in gc.get_objects()))
