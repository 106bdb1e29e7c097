import sys
print(repr(sys.stdin.read()), repr(sys.stdin.readline()))
input("prompt ")
