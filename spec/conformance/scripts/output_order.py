import sys, os
print("buffered")
sys.stderr.write("at once\n")
os.write(1, b"raw first\n")
