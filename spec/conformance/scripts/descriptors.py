import os, stat
for fd in range(3):
    mode = os.fstat(fd).st_mode
    print(fd, stat.S_ISFIFO(mode), stat.S_ISCHR(mode), os.get_inheritable(fd), os.get_blocking(fd))
print(os.open("/dev/null", os.O_RDONLY))
open("/dev/stdout", "w").write("by name\n")
