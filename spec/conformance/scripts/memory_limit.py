import resource
print(resource.getrlimit(resource.RLIMIT_AS))
try:
    x = bytearray(1 << 30)
except MemoryError:
    print("no memory")
#: limit AS 536870912
