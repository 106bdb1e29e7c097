import sys, os
print(sys.argv, sys.path[0], __file__, os.getcwd())
#: script ./main.py
