import sys
print(sys.argv)
#: args -c -m -- -
