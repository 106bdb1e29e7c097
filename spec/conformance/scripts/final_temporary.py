import tempfile, os
d = tempfile.TemporaryDirectory(dir=".")
print(os.path.isdir(d.name))
f = tempfile.NamedTemporaryFile(dir=".")
import atexit
path = d.name
atexit.register(lambda: print(os.path.exists(path)))
