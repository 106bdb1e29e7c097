/* python.c - for the Python server (python_server.py), which calls it: forking, what a
 * child does where Python code would copy too many of the pages that it shares with the
 * server, and the quick end. */
#include <stddef.h>
#include <stdint.h>

#include <asm/stat.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "../job.h"
#include "python.h"

/* The C library's. */
extern int fflush(void *stream) WEAK;
extern int fork(void) WEAK;

/* Where modules come from ------------------------------------------------------------- */

int folders_differ(const struct known *known) {
    struct stat now;
    for (int i = 0; i < known->folder_count; i++) {
        const struct folder *then = &known->folders[i];
        int there = sys6(SYS_newfstatat_, AT_FDCWD_, then->path, &now, 0, 0, 0) == 0;
        if (there != (then->seconds >= 0))
            return 1;
        if (there && ((int64_t)now.st_mtime != then->seconds ||
                      (int64_t)now.st_mtime_nsec != then->nanoseconds))
            return 1;
    }
    return 0;
}

/* Forking ----------------------------------------------------------------------------- */

/* The next descriptor that the agent sends: the socket of a child to fork. -1: the end,
 * also where modules were installed or removed: a new server will know them. */
EXPORT int enclave_next(int socket, const struct known *known) {
    char byte;
    struct iovec_ part = {&byte, 1};
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
    if (got != 1 || message.controllen < CMSG_LEN_1 || control.head.type != SCM_RIGHTS_)
        return -1;
    if (folders_differ(known))
        return -1;
    return *(const int *)(control.space + sizeof control.head);
}

/* Forks a child whose parent is this process's parent, the agent, who so can wait for it:
 * one fork in place of two. What the C library's fork() does beyond the system call is
 * for threads, which a server has not, and the thread id that it keeps, whose place
 * the kernel knows. Negative: -errno. */
static long fork_sibling(int *kept_id) {
    void *robust = NULL;
    size_t robust_size = 0;
    sys3(SYS_get_robust_list_, 0, &robust, &robust_size);
    PyOS_BeforeFork();
    long pid =
        sys_clone(CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD_, kept_id);
    if (pid != 0) {
        PyOS_AfterFork_Parent();
        return pid;
    }
    if (robust)
        sys3(SYS_set_robust_list_, robust, robust_size, 0);
    PyOS_AfterFork_Child();
    return 0;
}

/* In a child, whose socket it is: waits for a job and becomes it. */
EXPORT void enclave_take(int server, int socket, struct known *known, struct warm_view *view) {
    sys3(SYS_close_, server, 0, 0);
    enclave_wait(socket, view);
    enclave_become(known, view);
}

/* Forks a child for each socket that the agent sends. Returns 0 in a child that has become
 * its job; -1: the agent is gone; -2: nothing was read, this process must fork twice by
 * itself. */
EXPORT int enclave_serve(int socket,
                         int may_fork_once,
                         struct known *known,
                         struct warm_view *view) {
    int *kept_id = NULL;
    if (!may_fork_once || !PyOS_BeforeFork || !PyOS_AfterFork_Parent || !PyOS_AfterFork_Child ||
        sys5(SYS_prctl_, PR_GET_TID_ADDRESS, &kept_id, 0, 0, 0) < 0 || !kept_id ||
        *kept_id != sys3(SYS_gettid_, 0, 0, 0))
        return -2;
    for (;;) {
        int child = enclave_next(socket, known);
        if (child < 0)
            return -1;
        if (fork_sibling(kept_id) == 0) {
            enclave_take(socket, child, known, view);
            return 0;
        }
        sys3(SYS_close_, child, 0, 0); /* also tells the agent where no child came */
    }
}

/* Runs a program in a child as if it were a job, up to its end, and returns what it wrote
 * to its output, no more than size; 0 in the child, negative where it failed. All that
 * happens here meanwhile is waiting: what the child alone has is what it needed. */
EXPORT int enclave_trial(
    struct known *known, const struct warm_view *view, int script, char *said, int size) {
    int ends[2];
    int used = 0, status = -1;
    long got;
    if (!fork || sys3(SYS_pipe2_, ends, O_CLOEXEC_, 0) < 0)
        return -1;
    PyOS_BeforeFork();
    int child = fork();
    if (child == 0) {
        PyOS_AfterFork_Child();
        sys3(SYS_dup3_, script, 0, 0);
        sys3(SYS_dup3_, ends[1], 1, 0);
        sys3(SYS_close_range_, 3, ~0U, 0);
        enclave_become(known, view);
        return 0;
    }
    sys3(SYS_close_, ends[1], 0, 0);
    while (child > 0 && used < size &&
           (got = sys3(SYS_read_, ends[0], said + used, size - used)) > 0)
        used += (int)got;
    sys3(SYS_close_, ends[0], 0, 0);
    if (child > 0)
        sys5(SYS_wait4_, child, &status, 0, 0, 0);
    PyOS_AfterFork_Parent();
    return status == 0 && used > 0 ? used : -1;
}

/* The script's name ------------------------------------------------------------------- */

/* Python keeps it as wide characters in places that no interface changes. Finds the
 * places in a range of memory that hold the server's mark. */
EXPORT int enclave_find(
    uintptr_t from, uintptr_t to, const char *mark, uintptr_t *found, int room) {
    int count = 0;
    for (uintptr_t at = from; at + WARM_MARK_SIZE * 4 <= to && count < room; at += 4) {
        const uint32_t *wide = (const uint32_t *)at;
        int i = 0;
        while (mark[i] && wide[i] == (unsigned char)mark[i])
            i++;
        if (i > 0 && !mark[i] && wide[i] == 0)
            found[count++] = at;
    }
    return count;
}

/* The end ----------------------------------------------------------------------------- */

static struct {
    uintptr_t depth; /* of the stack, where the interpreter ends after a plain run */
    void **quiet;    /* what returns None as long as nothing watches Python code */
    int quiet_count;
    void *plain; /* returns True where nothing could tell the difference */
    void *none, *true;
    const uintptr_t *parts; /* of memory that is looked at in the trial run */
    int part_count;
    size_t page;
} end;

EXPORT void enclave_end_asks(void **quiet, int count, void *plain, void *none, void *yes) {
    end.quiet = quiet;
    end.quiet_count = count;
    end.plain = plain;
    end.none = none;
    end.true = yes;
}

/* The memory that a trial run is to tell of. */
EXPORT void enclave_end_tells(const uintptr_t *parts, int count, size_t page) {
    end.parts = parts;
    end.part_count = count;
    end.page = page;
}

/* The interpreter's own end takes the process apart piece by piece, several milliseconds
 * of copying pages that the server shares. Registered as the first exit function, so
 * called as the last, this ends it at once, where that is the same: the exit code must
 * be 0, which the depth of the stack proves (sys.exit() ends deeper) with what plain
 * looks at; and nothing may be left whose end shows. */
EXPORT void enclave_end_is(uintptr_t depth) {
    end.depth = depth;
}

/* Whether the callable returns this very object. */
static int gives(void *callable, const void *expected) {
    void *result = PyObject_CallObject(callable, NULL);
    if (!result) {
        PyErr_Clear();
        return 0;
    }
    int same = result == expected;
    Py_DecRef(result);
    return same;
}

static int is_plain(void) {
    for (int i = 0; i < end.quiet_count; i++)
        if (!gives(end.quiet[i], end.none))
            return 0;
    return gives(end.plain, end.true);
}

EXPORT int enclave_at_end(void) {
    uintptr_t depth = (uintptr_t)__builtin_frame_address(0);
    if (!PyObject_CallObject || !PyErr_Clear || !Py_DecRef)
        return 0;
    if (end.depth != 0 && depth != end.depth)
        return 0;
    int plain = is_plain();
    if (end.depth == 0) { /* the server's trial run: this is how deep */
        sys3(SYS_write_, 1, &depth, sizeof depth);
        pages_tell(1, end.parts, end.part_count, end.page);
    }
    if (!plain)
        return 0;
    if (fflush)
        fflush(NULL);
    leave(0);
}
