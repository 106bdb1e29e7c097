import sys
print(sys.stdin.buffer.read())
#: stdin \xff\x00\xfe
