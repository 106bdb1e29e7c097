import weakref, os
class Thing:
    pass
thing = Thing()
other = Thing()
weakref.finalize(thing, print, "finalized")
ref = weakref.ref(other, lambda r: os.write(1, b"callback\n"))
