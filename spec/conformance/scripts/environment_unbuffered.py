import os, sys
print("one", end="")
print(sys.stdout.line_buffering, sys.stdout.write_through)
os.write(1, b"two\n")
os._exit(3)
#: env PYTHONUNBUFFERED=1
