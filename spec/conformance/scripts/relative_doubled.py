import sys
print(sys.argv, sys.path[0], __file__)
#: script .//main.py
