import sys, os
print(sys.argv, sys.path[0], __file__)
#: script ../work/main.py
