import sys, os
print(sys.argv, sys.path[0], __file__)
#: script ../place/main.py
