import os, fcntl, stat
for name in sorted(os.listdir("/proc/self/fd"), key=int):
    try:
        kind = os.fstat(int(name))
    except OSError:
        continue # the listing's own
    flags = fcntl.fcntl(int(name), fcntl.F_GETFL)
    print(name, oct(stat.S_IFMT(kind.st_mode)), kind.st_uid == os.getuid(), flags & os.O_ACCMODE,
          bool(flags & os.O_NONBLOCK), fcntl.fcntl(int(name), fcntl.F_GETFD), os.isatty(int(name)))
print(os.open("/dev/null", os.O_RDONLY), os.dup(1), os.pipe())
