import gc, sys, weakref
print(gc.isenabled(), gc.get_threshold(), gc.garbage, gc.callbacks, gc.get_debug())
class Node:
    pass
a, b = Node(), Node()
a.other, b.other = b, a
seen = weakref.ref(a, lambda ref: print("collected"))
del a, b
print(gc.collect() > 0, seen())
print(sys.getswitchinterval(), sys.getallocatedblocks() > 0, sys.intern("x" * 3) is sys.intern("xxx"))
print(sys.getrefcount(object()), sys.gettrace(), sys.getprofile(), sys.get_asyncgen_hooks())
