/* python.c - for the Python server (python_server.py), which calls it: forking, what a
 * child does where Python code would copy too many of the pages that it shares with the
 * server, and the quick end. */
#include <stddef.h>
#include <stdint.h>

#include <asm/stat.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "../warm_job.h"
#include "entry.h"

/* The C library's and the Python interpreter's, by the dynamic linker. */
extern char **environ WEAK;
extern int fflush(void *stream) WEAK;
extern void PyOS_BeforeFork(void) WEAK;
extern void PyOS_AfterFork_Parent(void) WEAK;
extern void PyOS_AfterFork_Child(void) WEAK;
extern void *PyObject_CallObject(void *callable, void *arguments) WEAK;
extern void PyErr_Clear(void) WEAK;
extern void Py_DecRef(void *object) WEAK;

/* Where modules come from ------------------------------------------------------------- */

/* What the server knows; a ctypes structure there. */
struct folder {
    const char *path;
    int64_t seconds; /* of its last change; -1: it is not there */
    int64_t nanoseconds;
};
struct known {
    const struct folder *folders; /* of modules */
    const char *user_site;        /* behind HOME */
    int folder_count;
};

static long state_of(const char *path, struct stat *state) {
    return sys6(SYS_newfstatat_, AT_FDCWD_, path, state, 0, 0, 0);
}

static int folders_differ(const struct known *known) {
    struct stat now;
    for (int i = 0; i < known->folder_count; i++) {
        const struct folder *then = &known->folders[i];
        int there = state_of(then->path, &now) == 0;
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

/* Forks a child for each socket that the agent sends. Returns it in the child; -1: the
 * agent is gone; -2: nothing was read, this process must fork twice by itself. */
EXPORT int enclave_serve(int socket, int may_fork_once, const struct known *known) {
    int *kept_id = NULL;
    if (!may_fork_once || !PyOS_BeforeFork || !PyOS_AfterFork_Parent || !PyOS_AfterFork_Child ||
        sys5(SYS_prctl_, PR_GET_TID_ADDRESS, &kept_id, 0, 0, 0) < 0 || !kept_id ||
        *kept_id != sys3(SYS_gettid_, 0, 0, 0))
        return -2;
    for (;;) {
        int child = enclave_next(socket, known);
        if (child < 0 || fork_sibling(kept_id) == 0)
            return child;
        sys3(SYS_close_, child, 0, 0); /* also tells the agent where no child came */
    }
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

/* Puts name in a place that still holds the mark. back: from where before it. */
EXPORT int enclave_rename(
    uintptr_t at, const char *mark, int back, const uint32_t *name, int length) {
    uint32_t *wide = (uint32_t *)at;
    for (int i = 0; mark[i]; i++)
        if (wide[i] != (unsigned char)mark[i])
            return 0;
    wide -= back;
    for (int i = 0; i < length; i++)
        wide[i] = name[i];
    wide[length] = 0;
    return 1;
}

/* Becoming the job -------------------------------------------------------------------- */

/* What a child has to know. */
enum {
    MODULES_DIFFER = 1, /* a fresh interpreter would have other ones */
    SCRIPT_MISSING = 2, /* it cannot be opened */
    SCRIPT_WATCHES = 4, /* it may see imports happen: kept modules would not */
    NO_ENVIRONMENT = 8,
};

/* Whether the user has modules of their own. */
static int has_user_site(const struct known *known, const struct warm_view *view) {
    char path[4096];
    struct stat now;
    for (const char *at = view->variables; at < view->end; at++) {
        if (at[0] == 'H' && at[1] == 'O' && at[2] == 'M' && at[3] == 'E' && at[4] == '=') {
            size_t used = 0;
            const char *parts[2] = {at + 5, known->user_site};
            for (int i = 0; i < 2; i++)
                for (const char *from = parts[i]; *from; from++) {
                    if (used == sizeof path - 1)
                        return 1;
                    path[used++] = *from;
                }
            path[used] = 0;
            return state_of(path, &now) == 0;
        }
        while (*at)
            at++;
    }
    return 1; /* nobody knows where it would be */
}

static int holds(const char *text, long size, const char *word, long length) {
    for (long i = 0; i + length <= size; i++) {
        long j = 0;
        while (j < length && text[i + j] == word[j])
            j++;
        if (j == length)
            return 1;
    }
    return 0;
}

static int look_at_script(const char *script) {
    enum { ROOM = 1 << 20, NONBLOCK = 04000, TYPE = 0170000, REGULAR = 0100000 };
    static const char word[] = "addaudithook";
    struct stat state;
    int found = 0;
    long fd = sys3(SYS_openat_, AT_FDCWD_, script, O_CLOEXEC_ | NONBLOCK);
    if (fd < 0)
        return SCRIPT_MISSING;
    if (sys3(SYS_fstat_, fd, &state, 0) == 0 && (state.st_mode & TYPE) == REGULAR) {
        long size = state.st_size < ROOM ? (long)state.st_size : ROOM;
        long text = size > 0 ? sys6(SYS_mmap_, 0, size, 1, 2, fd, 0) : 0;
        if (size > 0 && (text > 0 || text < -4096)) {
            if (holds((const char *)text, size, word, sizeof word - 1))
                found = SCRIPT_WATCHES;
            sys3(SYS_munmap_, text, size, 0);
        }
    }
    sys3(SYS_close_, fd, 0, 0);
    return found;
}

EXPORT int enclave_become(const struct known *known, const struct warm_view *view) {
    const char *script = view->arguments;
    while (*script)
        script++;
    int flags = look_at_script(script + 1);
    if (folders_differ(known) || has_user_site(known, view))
        flags |= MODULES_DIFFER;
    char **argv = vectors(view);
    if (!argv || !environ)
        return flags | NO_ENVIRONMENT;
    environ = argv + view->argument_count + 1; /* the C library's is the job's now */
    return flags;
}

/* The end ----------------------------------------------------------------------------- */

static struct {
    uintptr_t depth; /* of the stack, where the interpreter ends after a plain run */
    void **quiet;    /* what returns None as long as nothing watches Python code */
    int quiet_count;
    void *plain; /* returns True where nothing could tell the difference */
    void *none, *true;
} end;

/* The interpreter's own end takes the process apart piece by piece, several milliseconds
 * of copying pages that the server shares. Registered as the first exit function, so
 * called as the last, this ends it at once, where that is the same: the exit code must
 * be 0, which the depth of the stack proves (sys.exit() ends deeper) with what plain
 * looks at; and nothing may be left whose end shows. */
EXPORT void enclave_end_is(
    uintptr_t depth, void **quiet, int count, void *plain, void *none, void *yes) {
    end.depth = depth;
    end.quiet = quiet;
    end.quiet_count = count;
    end.plain = plain;
    end.none = none;
    end.true = yes;
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

EXPORT int enclave_at_end(void) {
    uintptr_t depth = (uintptr_t)__builtin_frame_address(0);
    if (end.depth == 0) /* the server's trial run: this is how deep */
        return (int)sys3(SYS_write_, 1, &depth, sizeof depth);
    if (depth != end.depth || !PyObject_CallObject || !PyErr_Clear || !Py_DecRef)
        return 0;
    for (int i = 0; i < end.quiet_count; i++)
        if (!gives(end.quiet[i], end.none))
            return 0;
    if (!gives(end.plain, end.true))
        return 0;
    if (fflush)
        fflush(NULL);
    leave(0);
}
