import sys
print(sys.argv, __file__)
#: script "odd name ü.py"
