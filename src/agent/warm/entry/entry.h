/* entry.h - what entry.c needs in place of a C library: system calls by their
 * numbers and the kernel's structures, and the view of a job that it hands to Python. */
#ifndef AGENT_WARM_ENTRY_H
#define AGENT_WARM_ENTRY_H

#include <asm/unistd.h>
#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))
#define WEAK   __attribute__((weak))

/* Where the strings of a job are: each ended by a NUL, one behind the other. */
struct warm_view {
    char *path;
    char *folder;
    char *arguments;
    char *variables;
    char *end;
    uint32_t argument_count;
    uint32_t variable_count;
};

#if defined(__x86_64__)
static inline long sys_raw(long n, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
static inline long sys_clone(unsigned long flags, int *child_id) {
    return sys_raw(__NR_clone, (long)flags, 0, 0, (long)child_id, 0, 0);
}
#elif defined(__aarch64__)
static inline long sys_raw(long n, long a, long b, long c, long d, long e, long f) {
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}
static inline long sys_clone(unsigned long flags, int *child_id) {
    return sys_raw(__NR_clone, (long)flags, 0, 0, 0, (long)child_id, 0);
}
#else
#error "no system calls for this processor yet"
#endif
#define sys6(n, a, b, c, d, e, f)                                                                  \
    sys_raw(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define sys3(n, a, b, c)       sys6(n, a, b, c, 0, 0, 0)
#define sys5(n, a, b, c, d, e) sys6(n, a, b, c, d, e, 0)

#define SYS_openat_             __NR_openat
#define SYS_read_               __NR_read
#define SYS_write_              __NR_write
#define SYS_close_              __NR_close
#define SYS_brk_                __NR_brk
#define SYS_prctl_              __NR_prctl
#define SYS_getpid_             __NR_getpid
#define SYS_gettid_             __NR_gettid
#define SYS_sendto_             __NR_sendto
#define SYS_recvmsg_            __NR_recvmsg
#define SYS_exit_group_         __NR_exit_group
#define SYS_setsid_             __NR_setsid
#define SYS_sched_setscheduler_ __NR_sched_setscheduler
#define SYS_prlimit64_          __NR_prlimit64
#define SYS_setgroups_          __NR_setgroups
#define SYS_setresgid_          __NR_setresgid
#define SYS_setresuid_          __NR_setresuid
#define SYS_capget_             __NR_capget
#define SYS_capset_             __NR_capset
#define SYS_close_range_        436 /* the same everywhere; older headers lack it */
#define SYS_chdir_              __NR_chdir
#define SYS_dup3_               __NR_dup3
#define SYS_mmap_               __NR_mmap
#define SYS_execve_             __NR_execve
#define SYS_get_robust_list_    __NR_get_robust_list
#define SYS_set_robust_list_    __NR_set_robust_list

#define SYS_getcwd_     __NR_getcwd
#define SYS_newfstatat_ __NR_newfstatat
#define SYS_fstat_      __NR_fstat
#define SYS_munmap_     __NR_munmap
#define SYS_ppoll_      __NR_ppoll
#define SYS_madvise_    __NR_madvise
#define SYS_pipe2_      __NR_pipe2
#define SYS_wait4_      __NR_wait4
#define SYS_pread64_    __NR_pread64

enum {
    EINVAL_ = 22,
    MADV_POPULATE_WRITE_ = 23, /* Linux 5.14 */
    AT_FDCWD_ = -100,
    O_WRONLY_ = 1,
    O_CLOEXEC_ = 02000000,
    EINTR_ = 4,
    SIGCHLD_ = 17,
    SCHED_BATCH_ = 3,
    MSG_NOSIGNAL_ = 0x4000,
    MSG_CMSG_CLOEXEC_ = 0x40000000,
    SCM_RIGHTS_ = 1,
    PROT_RW_ = 3,
    MAP_PRIVATE_ANON_ = 0x22,
};

struct pollfd_ {
    int fd;
    short events;
    short found;
};
struct iovec_ {
    void *base;
    size_t length;
};
struct msghdr_ {
    void *name;
    uint32_t namelen;
    struct iovec_ *iov;
    size_t iovlen;
    void *control;
    size_t controllen;
    int flags;
};
struct cmsghdr_ {
    size_t length;
    int level;
    int type;
};
/* A control message with one and with three descriptors. */
#define CMSG_LEN_1   (sizeof(struct cmsghdr_) + sizeof(int))
#define CMSG_LEN_3   (sizeof(struct cmsghdr_) + 3 * sizeof(int))
#define CMSG_SPACE_3 (sizeof(struct cmsghdr_) + 4 * sizeof(int))

/* entry.c */
__attribute__((noreturn)) void leave(int status);
/* The arguments and, behind them, the environment as vectors, each ended by NULL; there is
 * room for one more variable. NULL: no memory. */
char **vectors(const struct warm_view *view);
/* Waits for a job and becomes its process, all but the program and its environment. Ends
 * the process where there is no job or it cannot be done. */
void enclave_wait(int socket, struct warm_view *view);

/* pages.c: in a waiting process: copies what it will need, until its job comes. */
void pages_ready(int socket);
/* Writes which pages of these parts of memory are this process's own: from, to, …. */
void pages_tell(int fd, const uintptr_t *parts, int count, size_t page);

#endif
