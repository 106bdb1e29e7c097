import sys, os
print(sys.argv, sys.path[0], __file__)
#: link sub/link.py
