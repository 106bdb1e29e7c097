print("one")\r
if True:\r
    print("two")\r
#: bytes
