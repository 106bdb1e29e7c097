import os
class Loud:
    __slots__ = ()
    def __del__(self):
        os.write(1, b"gone\n")
keep = Loud()
