/* entry.c - the part of the agent that lives in a waiting process, until it becomes
 * a run's program. Built as a shared library without any C library, so that it loads
 * into whatever C library the image has:
 *  - preloaded into a shell, it stops the process before main() and waits there: what
 *    follows is the program itself, from its first instruction;
 *  - loaded by the Python server, which calls it for each child it forks.
 * A waiting process has the agent's user. Only the job gives it the run's, here, before
 * any code of the run's is read. */
#include <stddef.h>
#include <stdint.h>

#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "../job.h"
#include "enter.h"
#include "entry.h"

/* The C library's, by the dynamic linker. */
extern char **environ WEAK;
extern const char *gnu_get_libc_version(void) WEAK;
/* The Python interpreter's: its server loads this, and calls. */
extern void PyOS_BeforeFork(void) WEAK;

/* The kernel's ideas of where things are, from /proc/self/stat: field numbers. */
enum { STAT_FIELDS = 52 };

/* All of this process's state; a library in a process of its own may have it. */
static struct {
    uint64_t stat[STAT_FIELDS];
    int stat_known;
    char *region;   /* the job; its strings stay here for good */
    uint32_t apart; /* in namespaces of its own */
} here;

static int equals_nul(const char *at, const char *end) {
    while (at < end && *at)
        at++;
    return at < end;
}

static void read_own_stat(void) {
    char text[1024];
    long fd = sys3(SYS_openat_, AT_FDCWD_, "/proc/self/stat", O_CLOEXEC_);
    if (fd < 0)
        return;
    long got = sys3(SYS_read_, fd, text, sizeof text - 1);
    sys3(SYS_close_, fd, 0, 0);
    if (got <= 0)
        return;
    text[got] = 0;
    /* The name may hold anything: fields are counted behind its closing bracket. */
    char *at = text + got;
    while (at > text && *at != ')')
        at--;
    at++;
    for (int field = 3; field < STAT_FIELDS && *at; field++) {
        while (*at == ' ')
            at++;
        uint64_t value = 0;
        for (; *at && *at != ' '; at++)
            if (*at >= '0' && *at <= '9')
                value = value * 10 + (uint64_t)(*at - '0');
        here.stat[field] = value;
    }
    here.stat_known = here.stat[47] != 0;
}

/* The command line and the environment that /proc shows. Needs no right, may fail. */
static void show_as(const char *arguments, const char *variables, const char *end) {
    if (!here.stat_known)
        return;
    struct prctl_mm_map map = {
        .start_code = here.stat[26],
        .end_code = here.stat[27],
        .start_data = here.stat[45],
        .end_data = here.stat[46],
        .start_brk = here.stat[47],
        .brk = (uint64_t)sys3(SYS_brk_, 0, 0, 0),
        .start_stack = here.stat[28],
        .arg_start = (uint64_t)(uintptr_t)arguments,
        .arg_end = (uint64_t)(uintptr_t)variables,
        .env_start = (uint64_t)(uintptr_t)variables,
        .env_end = (uint64_t)(uintptr_t)end,
        .exe_fd = (uint32_t)-1,
    };
    sys5(SYS_prctl_, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0);
}

static void say(int fd, uint32_t says, uint32_t step, long error) {
    struct warm_reply reply = {
        .says = says,
        .pid = (int32_t)sys3(SYS_getpid_, 0, 0, 0),
        .step = step,
        .error = (int32_t)error,
        .apart = here.apart,
    };
    sys6(SYS_sendto_, fd, &reply, sizeof reply, MSG_NOSIGNAL_, 0, 0);
}

void leave(int status) {
    for (;;)
        sys3(SYS_exit_group_, status, 0, 0);
}

static void set_oom_score(void) {
    long fd = sys3(SYS_openat_, AT_FDCWD_, "/proc/self/oom_score_adj", O_WRONLY_ | O_CLOEXEC_);
    if (fd < 0)
        return;
    sys3(SYS_write_, fd, "1000", 4);
    sys3(SYS_close_, fd, 0, 0);
}

/* The way from the agent's rights to the run's: as spawn_drop. 0 or -errno. */
static long drop(const struct warm_job *job) {
    long failed;
    sys3(SYS_setsid_, 0, 0, 0); /* fails in one that has its own already */
    if (job->behind) {          /* the first to be killed, and behind the agent's timers */
        const int priority = 0;
        set_oom_score();
        sys3(SYS_sched_setscheduler_, 0, SCHED_BATCH_, &priority);
    }
    for (uint32_t i = 0; i < job->limit_count; i++) {
        const uint64_t limit[2] = {job->limits[i].soft, job->limits[i].hard};
        failed = sys6(SYS_prlimit64_, 0, job->limits[i].resource, limit, 0, 0, 0);
        if (failed < 0)
            return failed;
    }
    for (int cap = 0; cap < 64; cap++)
        if (job->drop_caps >> cap & 1)
            sys5(SYS_prctl_, PR_CAPBSET_DROP, cap, 0, 0, 0);
    if ((failed = sys3(SYS_setgroups_, job->group_count, job->groups, 0)) < 0 ||
        (failed = sys3(SYS_setresgid_, job->gid, job->gid, job->gid)) < 0 ||
        (failed = sys3(SYS_setresuid_, job->uid, job->uid, job->uid)) < 0)
        return failed;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    if ((failed = sys3(SYS_capset_, &head, none, 0)) < 0 ||
        (failed = sys5(SYS_prctl_, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) < 0)
        return failed;
    return 0;
}

static void close_from(unsigned first) {
    if (sys3(SYS_close_range_, first, ~0U, 0) == 0)
        return;
    for (unsigned fd = first; fd < 4096; fd++)
        sys3(SYS_close_, fd, 0, 0);
}

/* Reads the job. Its descriptors in fds. NULL: the agent has no use for this process. */
static struct warm_job *receive(int socket, int fds[3]) {
    long region = sys6(SYS_mmap_, 0, WARM_JOB_MAX, PROT_RW_, MAP_PRIVATE_ANON_, -1, 0);
    if (region < 0 && region > -4096)
        return NULL;
    struct iovec_ part = {(void *)region, WARM_JOB_MAX};
    union {
        struct cmsghdr_ head;
        char space[CMSG_SPACE_3];
    } control;
    struct msghdr_ message = {
        .iov = &part, .iovlen = 1, .control = &control, .controllen = sizeof control};
    long got;
    do
        got = sys3(SYS_recvmsg_, socket, &message, MSG_CMSG_CLOEXEC_);
    while (got == -EINTR_);
    struct warm_job *job = (struct warm_job *)region;
    if (got < (long)sizeof *job || job->size != got || message.controllen < CMSG_LEN_3 ||
        control.head.type != SCM_RIGHTS_)
        return NULL;
    const int *sent = (const int *)(control.space + sizeof control.head);
    for (int i = 0; i < 3; i++)
        fds[i] = sent[i];
    here.region = (char *)region;
    return job;
}

/* 0, or -1 where the message does not hold what it says. */
static int locate(const struct warm_job *job, struct warm_view *view) {
    char *at = (char *)(uintptr_t)job + sizeof *job;
    char *end = (char *)(uintptr_t)job + job->size;
    uint32_t strings = 2 + job->argument_count + job->variable_count;
    for (uint32_t i = 0; i < strings; i++) {
        if (!equals_nul(at, end))
            return -1;
        if (i == 0)
            view->path = at;
        if (i == 1)
            view->folder = at;
        if (i == 2)
            view->arguments = at;
        if (i == 2 + job->argument_count)
            view->variables = at;
        while (*at)
            at++;
        at++;
    }
    if (job->variable_count == 0)
        view->variables = at;
    view->end = at;
    view->argument_count = job->argument_count;
    view->variable_count = job->variable_count;
    return job->argument_count ? 0 : -1;
}

EXPORT int enclave_prepare(void) {
    sys5(SYS_prctl_, PR_SET_DUMPABLE, 0, 0, 0, 0);
    read_own_stat();
    return 0;
}

/* While it waits: it goes where the run is to be, with no more capabilities than it has. */
static void go_apart(void) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct had[2];
    if (sys3(SYS_capget_, &head, had, 0) < 0 || enter_user_namespace(WARM_FD_USER) < 0)
        return;
    here.apart = make_namespaces() == 0;
    uint64_t keep = had[0].permitted | (uint64_t)had[1].permitted << 32;
    for (int cap = 0; cap < 64; cap++)
        if (!(keep >> cap & 1))
            sys5(SYS_prctl_, PR_CAPBSET_DROP, cap, 0, 0, 0);
    if (sys3(SYS_capset_, &head, had, 0) < 0)
        leave(126);
}

/* Waits for a job and becomes its process, all but the program and its environment. Ends
 * the process where there is no job or it cannot be done. */
EXPORT void enclave_wait(int socket, struct warm_view *view) {
    enum { STEP_IDENTITY = 2, STEP_FOLDER = 3 }; /* of enum spawn_step */
    int fds[3];
    go_apart();
    say(socket, WARM_WAITING, 0, 0);
    pages_ready(socket);
    struct warm_job *job = receive(socket, fds);
    if (!job || locate(job, view) < 0)
        leave(0);
    long failed = drop(job);
    uint32_t step = STEP_IDENTITY;
    if (failed == 0) {
        forget_keys(here.apart != 0);
        step = STEP_FOLDER;
        failed = sys3(SYS_chdir_, view->folder, 0, 0);
    }
    if (failed < 0) {
        say(socket, WARM_FAILED, step, -failed);
        leave(127);
    }
    /* The socket may be in the way of 0, 1 and 2 only by mistake: it is at 3 or above. */
    say(socket, WARM_STARTED, 0, 0);
    for (int i = 0; i < 3; i++)
        sys3(SYS_dup3_, fds[i], i, 0);
    close_from(3);
    /* A change of user made it 0, as in the waiting process; a program has 1. */
    sys5(SYS_prctl_, PR_SET_DUMPABLE, 1, 0, 0, 0);
    show_as(view->arguments, view->variables, view->end);
}

char **vectors(const struct warm_view *view) {
    uint32_t strings = view->argument_count + view->variable_count;
    long memory =
        sys6(SYS_mmap_, 0, (strings + 3) * sizeof(char *), PROT_RW_, MAP_PRIVATE_ANON_, -1, 0);
    if (memory < 0 && memory > -4096)
        return NULL;
    char **argv = (char **)memory;
    char *at = view->arguments;
    for (uint32_t i = 0; i < strings; i++) {
        argv[i < view->argument_count ? i : i + 1] = at;
        while (*at)
            at++;
        at++;
    }
    return argv;
}

/* For a program that it was preloaded into -------------------------------------------- */

/* The kernel's vector of facts behind the environment has the user's ids too. */
static void correct_facts(char **after_environment, const struct warm_job *job) {
    for (uint64_t *fact = (uint64_t *)after_environment; fact[0] != 0; fact += 2) {
        if (fact[0] == 11 || fact[0] == 12)
            fact[1] = job->uid;
        if (fact[0] == 13 || fact[0] == 14)
            fact[1] = job->gid;
    }
}

/* Before main(): the arguments on the stack are turned into the job's in place. */
__attribute__((constructor)) static void stop_before_main(void) {
    if (PyOS_BeforeFork || !environ)
        return;
    char **was = environ;
    /* argc, the arguments, NULL, the environment lie in a row. */
    char **arguments = was - 2;
    uint64_t count = 0;
    while (count < 64 && (uint64_t)(uintptr_t)arguments[0] != count) {
        arguments--;
        count++;
    }
    if (count == 64)
        leave(126);
    arguments++;
    enclave_prepare();
    struct warm_view view;
    enclave_wait(WARM_FD_JOB, &view);
    const struct warm_job *job = (const struct warm_job *)here.region;

    char **argv = vectors(&view);
    if (!argv)
        leave(126);
    char **envp = argv + view.argument_count + 1;
    uint64_t room = 0;
    while (was[room])
        room++;
    char **facts = was + room + 1;
    /* musl hands main() what lies on the stack: it must be there. */
    if (view.argument_count != count || (!gnu_get_libc_version && view.variable_count > room)) {
        sys3(SYS_execve_, view.path, argv, envp);
        leave(126);
    }
    for (uint32_t i = 0; i < view.argument_count; i++)
        arguments[i] = argv[i];
    if (!gnu_get_libc_version)
        for (uint32_t i = 0; i <= view.variable_count; i++)
            was[i] = envp[i];
    else
        environ = envp;
    correct_facts(facts, job);
}
