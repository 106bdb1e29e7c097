import sys
sys.stdout = None
print("nobody hears this")
