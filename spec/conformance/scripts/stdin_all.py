import sys
data = sys.stdin.read()
print(len(data), data[:5], data[-5:])
#: stdin-repeat 200000 wörld
