import os
pid = os.fork()
print("parent" if pid else "child")
if pid:
    print(os.waitpid(pid, 0)[1])
