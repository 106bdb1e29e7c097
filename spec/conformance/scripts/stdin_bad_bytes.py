import sys
print(ascii(sys.stdin.read()))
#: stdin \xff\xfe
