import os, resource
stat = open("/proc/self/stat").read().rpartition(")")[2].split()
print("group", stat[2] == str(os.getpid()), "session", stat[3] == str(os.getpid()), "tty", stat[4])
print("threads", stat[17], "nice", stat[16], "policy", stat[38], "exit signal", stat[35])
for name in ("oom_score_adj", "coredump_filter", "loginuid", "sessionid", "personality", "timerslack_ns"):
    try:
        print(name, open("/proc/self/" + name).read().strip())
    except OSError as error:
        print(name, error.errno)
print(open("/proc/self/cmdline", "rb").read())
print(sorted(open("/proc/self/environ", "rb").read().split(b"\0")))
print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0) == os.sched_getaffinity(1))
print(resource.getrlimit(resource.RLIMIT_CORE), os.getloadavg() is not None, os.ctermid())
print(os.getresuid(), os.getresgid(), os.getgroups(), os.umask(0o22))
#: args a b
#: env NAME=value
