import sys, os
print(sys.argv, sys.path[0], __file__, os.getcwd())
raise ValueError("with a file name")
#: script main.py
