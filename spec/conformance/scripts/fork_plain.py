import os, sys
print("before", flush=True)
pid = os.fork()
if pid == 0:
    print("child")
    sys.exit(3)
print("parent", os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
