/* spawn.h - starting a program: what it is to be, and the way from the agent's rights
 * to the run's. Used for cold runs, for warm interpreters and for the service. Uses no
 * frame and no loop; the caller watches the child. */
#ifndef AGENT_SPAWN_H
#define AGENT_SPAWN_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SPAWN_GROUPS_MAX 32

/* Who it is. */
struct identity {
    uid_t uid;
    gid_t gid;
    unsigned group_count;
    gid_t groups[SPAWN_GROUPS_MAX];
    char home[256]; /* from the password file, or "" */
};

/* "65534:65534", "1000", "root", "name:group": numbers as they are, names by
 * /etc/passwd and /etc/group of the image (bounded parse). Groups of a name come from
 * /etc/group. -1: there is no such user; errno is EINVAL. */
int identity_parse(struct identity *identity, const char *text);

/* Limits of one program; 0: none of its own. */
struct spawn_limits {
    uint64_t cpu_seconds;  /* RLIMIT_CPU; the hard limit is one second later */
    uint64_t memory_bytes; /* RLIMIT_AS */
    uint64_t file_bytes;   /* RLIMIT_FSIZE */
    uint64_t open_files;   /* RLIMIT_NOFILE */
    uint64_t processes;    /* RLIMIT_NPROC */
    uint64_t stack_bytes;  /* RLIMIT_STACK */
};

struct spawn {
    const char *const *argv; /* NULL-terminated; argv[0] without "/" is searched on env's PATH */
    const char *const *env;  /* NULL-terminated, complete */
    const char *cwd;         /* NULL: "/" */
    const struct identity *identity;
    struct spawn_limits limits;
    int in, out, err; /* become 0, 1, 2; the caller closes its copies afterwards */
    const int *extra; /* descriptors that become 3, 4, …; may be NULL */
    unsigned extra_count;
    uint64_t keep_caps; /* bits of capabilities that it keeps (1 << CAP_SETUID …); 0: none.
                           The identity must be root for them to last through exec. */
    int user_namespace; /* namespaces.h; 0: it stays in the agent's namespaces */
    bool foreground;    /* at the agent's own scheduling priority and OOM score: for what is
                           the agent's own (warm servers); false for runs */
};

/* Where starting failed. */
enum spawn_step {
    SPAWN_OK,
    SPAWN_FORK,
    SPAWN_IDENTITY, /* groups, uid, capabilities, limits */
    SPAWN_FOLDER,   /* cwd */
    SPAWN_EXEC,     /* the program itself: errno ENOENT -> 127, else 126 */
};
struct spawn_error {
    enum spawn_step step;
    int error;  /* errno */
    bool apart; /* it did not fail: it has namespaces of its own */
};

/* Capabilities that a child may keep. */
#define SPAWN_CAPS (1ull << CAP_SETUID | 1ull << CAP_SETGID | 1ull << CAP_SETPCAP)

/* Once, in the agent itself: no child can get any other. */
void spawn_prepare(void);

/* Forks (as vfork) and executes: own session, exactly the descriptors above, everything
 * dropped, default signals, nothing blocked. Returns the pid once it was executed, or
 * -1 with error filled; a child that failed was reaped already. */
pid_t spawn_program(const struct spawn *spec, struct spawn_error *error);

/* The dropping alone, in a process that was forked already: limits, groups, gid, uid, all
 * capabilities but keep_caps (bounding, permitted, effective, inheritable, ambient),
 * no-new-privileges. Async-signal-safe. -1: errno, and the process must end. */
int spawn_drop(const struct identity *identity,
               const struct spawn_limits *limits,
               uint64_t keep_caps);

/* A pipe whose both ends belong to the run's user (so that /dev/stdout opens), CLOEXEC,
 * the agent's end non-blocking. agent_reads: ends[0] is the agent's. -1: errno. */
int spawn_pipe(int ends[2], bool agent_reads, const struct identity *identity);

#endif
