import os, resource, time
try:
    os.waitpid(-1, 0)
except ChildProcessError as error:
    print("no children", error)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss == 0)
pid = os.fork()
if pid == 0:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if hasattr(os, "waitstatus_to_exitcode") else 7)
pid = os.posix_spawn("/bin/true", ["true"], {})
print(os.waitpid(pid, 0)[1])
print(os.times().children_user >= 0, open("/proc/self/task/%d/children" % os.getpid()).read())
