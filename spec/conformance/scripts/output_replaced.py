import sys, io
keep = sys.stdout
sys.stdout = io.StringIO()
print("kept")
keep.write(repr(sys.stdout.getvalue()) + "\n")
