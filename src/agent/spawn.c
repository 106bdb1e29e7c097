#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "namespaces.h"

#define CHILD_FDS_MAX 16

/* Raw calls: the C library's would try to reach other threads, and this may be a child
 * that shares the agent's memory. */
static int set_ids(const struct identity *identity) {
    if (syscall(SYS_setgroups, identity->group_count, identity->groups) < 0 ||
        syscall(SYS_setresgid, identity->gid, identity->gid, identity->gid) < 0 ||
        syscall(SYS_setresuid, identity->uid, identity->uid, identity->uid) < 0)
        return -1;
    return 0;
}

static int set_caps(uint64_t keep) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    for (unsigned i = 0; i < 2; i++) {
        uint32_t bits = (uint32_t)(keep >> (32 * i));
        data[i] = (struct __user_cap_data_struct){bits, bits, bits};
    }
    return (int)syscall(SYS_capset, &header, data);
}

static int set_limit(int resource, uint64_t soft, uint64_t hard) {
    struct rlimit old, limit = {soft, hard};
    if (soft == 0)
        return 0;
    if (getrlimit((__typeof__(RLIMIT_CPU))resource, &old) == 0 && old.rlim_max != RLIM_INFINITY) {
        limit.rlim_max = hard < old.rlim_max ? hard : old.rlim_max; /* never raised */
        limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    }
    return setrlimit((__typeof__(RLIMIT_CPU))resource, &limit);
}

static int set_limits(const struct spawn_limits *limits) {
    if (set_limit(RLIMIT_CPU, limits->cpu_seconds, limits->cpu_seconds + 1) < 0 ||
        set_limit(RLIMIT_AS, limits->memory_bytes, limits->memory_bytes) < 0 ||
        set_limit(RLIMIT_FSIZE, limits->file_bytes, limits->file_bytes) < 0 ||
        set_limit(RLIMIT_NOFILE, limits->open_files, limits->open_files) < 0 ||
        set_limit(RLIMIT_NPROC, limits->processes, limits->processes) < 0 ||
        set_limit(RLIMIT_STACK, limits->stack_bytes, limits->stack_bytes) < 0)
        return -1;
    return 0;
}

/* Without CAP_SETPCAP this fails; then no-new-privileges alone keeps it so. */
static void drop_bounding(uint64_t caps) {
    for (unsigned cap = 0; cap < 64; cap++) {
        if (caps >> cap & 1)
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    }
}

void spawn_prepare(void) {
    drop_bounding(~SPAWN_CAPS);
}

int spawn_drop(const struct identity *identity,
               const struct spawn_limits *limits,
               uint64_t keep_caps) {
    drop_bounding(SPAWN_CAPS & ~keep_caps);
    if (set_limits(limits) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (set_ids(identity) < 0 || set_caps(keep_caps) < 0)
        return -1;
    for (unsigned cap = 0; cap < 64; cap++) {
        if (keep_caps >> cap & 1)
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
    }
    return 0;
}

/* The descriptors become 0, 1, 2, 3 …; nothing else stays open. */
static int set_descriptors(const struct spawn *spec) {
    int from[CHILD_FDS_MAX];
    unsigned count = 3 + spec->extra_count;
    if (count > CHILD_FDS_MAX) {
        errno = EINVAL;
        return -1;
    }
    from[0] = spec->in;
    from[1] = spec->out;
    from[2] = spec->err;
    for (unsigned i = 0; i < spec->extra_count; i++)
        from[3 + i] = spec->extra[i];
    for (unsigned i = 0; i < count; i++) { /* out of the way of their new numbers */
        if (from[i] < (int)count && (from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, (int)count)) < 0)
            return -1;
    }
    for (unsigned i = 0; i < count; i++) {
        if (dup2(from[i], (int)i) < 0)
            return -1;
    }
    /* All of the agent's own descriptors close at exec by themselves; this is for those
     * that a caller forgot. An old kernel has no such call. */
    syscall(SYS_close_range, count, ~0u, 0);
    return 0;
}

static void yield_to_agent(void) {
    /* The first to be killed when memory is short; and behind the agent's timers. */
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t written = write(fd, "1000", 4);
        (void)written;
        close(fd);
    }
    struct sched_param param = {0};
    syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &param);
}

static const char *find_path(const char *const *env) {
    for (; env && *env; env++) {
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    }
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

static void execute(const struct spawn *spec) {
    const char *name = spec->argv[0];
    char *const *argv = (char *const *)(uintptr_t)spec->argv;
    char *const *env = (char *const *)(uintptr_t)spec->env;
    char path[4096];
    int worst = ENOENT;
    if (strchr(name, '/') || !*name) {
        execve(name, argv, env);
        return;
    }
    for (const char *at = find_path(spec->env);; at++) {
        size_t len = strcspn(at, ":");
        size_t name_len = strlen(name);
        if (len + name_len + 2 <= sizeof path) {
            memcpy(path, at, len);
            path[len] = '/';
            memcpy(path + len + (len > 0), name, name_len + 1);
            execve(path, argv, env);
            if (errno != ENOENT && errno != ENOTDIR)
                worst = errno;
        }
        at += len;
        if (*at == '\0')
            break;
    }
    errno = worst;
}

static _Noreturn void child(const struct spawn *spec, volatile struct spawn_error *error) {
    sigset_t none;
    setsid();
    if (spec->user_namespace > 0) {
        error->apart = namespaces_enter(spec->user_namespace);
        drop_bounding(~spec->keep_caps); /* there it could have any */
    }
    error->step = SPAWN_IDENTITY;
    if (set_descriptors(spec) == 0) {
        if (!spec->foreground)
            yield_to_agent();
        if (spawn_drop(spec->identity, &spec->limits, spec->keep_caps) == 0) {
            namespaces_forget_keys(error->apart);
            error->step = SPAWN_FOLDER;
            if (chdir(spec->cwd ? spec->cwd : "/") == 0) {
                error->step = SPAWN_EXEC;
                sigemptyset(&none);
                sigprocmask(SIG_SETMASK, &none, NULL);
                execute(spec);
            }
        }
    }
    error->error = errno;
    _exit(127);
}

pid_t spawn_program(const struct spawn *spec, struct spawn_error *error) {
    /* The child borrows this memory and stack until it executes or ends, and changes
     * nothing in them but result, which no compiler expects. Every signal is blocked. A fork
     * would copy the agent's tables for each run; posix_spawn cannot do what child does. */
    volatile struct spawn_error result = {SPAWN_OK, 0, false};
    pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
    if (pid == 0)
        child(spec, &result); /* NOLINT(clang-analyzer-unix.Vfork) */
    if (pid < 0) {
        *error = (struct spawn_error){SPAWN_FORK, errno, false};
        return -1;
    }
    if (result.error == 0) {
        error->apart = result.apart;
        return pid;
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    *error = (struct spawn_error){result.step, result.error, false};
    return -1;
}

int spawn_pipe(int ends[2], bool agent_reads, const struct identity *identity) {
    int agents = agent_reads ? 0 : 1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    /* Without CAP_CHOWN only opening /dev/stdout by name fails. */
    int changed = fchown(ends[0], identity->uid, identity->gid);
    (void)changed;
    if (fcntl(ends[agents], F_SETFL, O_NONBLOCK) < 0) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        errno = error;
        return -1;
    }
    return 0;
}
