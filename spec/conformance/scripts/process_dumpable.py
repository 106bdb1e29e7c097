import ctypes
prctl = ctypes.CDLL(None).prctl
for name, option in (("dumpable", 3), ("death signal", 2), ("keep caps", 7), ("subreaper", 37),
                     ("no new privileges", 39), ("timer slack", 30), ("seccomp", 21),
                     ("thp disable", 42), ("tagged addresses", 56)):
    value = ctypes.c_int(0)
    result = prctl(option, ctypes.byref(value) if option in (2, 37) else 0, 0, 0, 0)
    print(name, result, value.value)
print([cap for cap in range(41) if prctl(23, cap, 0, 0, 0) == 1])
