import os, random
random.seed(1)
r, w = os.pipe()
if os.fork() == 0:
    os.write(w, repr(random.random()).encode())
    os._exit(0)
os.wait()
print(float(os.read(r, 100)) == random.random())
