import sys, fileinput
for number, line in enumerate(sys.stdin):
    print(number, repr(line))
print(repr(sys.stdin.readline()))
#: stdin one\ntwo\n\nlast
