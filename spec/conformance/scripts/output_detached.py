import sys
raw = sys.stdout.detach()
raw.write(b"after detach\n")
raw.flush()
