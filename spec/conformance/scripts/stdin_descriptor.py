import os
print(os.read(0, 100), open(0).read())
#: stdin raw bytes
