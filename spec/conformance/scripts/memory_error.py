try:
    x = bytearray(1 << 60)
except MemoryError as error:
    print("no memory", repr(error))
