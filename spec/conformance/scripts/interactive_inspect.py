# The variable counts even when the program sets it itself.
import os
os.environ["PYTHONINSPECT"] = "1"
x = 42
print("end of file")
#: stdin print(x + 1)\n
