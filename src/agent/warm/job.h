/* job.h - what the agent and a waiting process say to each other, over a socket of
 * their own that carries whole messages (SOCK_SEQPACKET). Used by the agent (warm*.c)
 * and by what runs inside the waiting process (entry.c), which has no C library:
 * plain numbers only. Both ends are built together, so it has no version. */
#ifndef AGENT_WARM_JOB_H
#define AGENT_WARM_JOB_H

#include <stdint.h>

enum {
    WARM_GROUPS_MAX = 32,
    WARM_LIMITS_MAX = 8,
    WARM_JOB_MAX = 96 * 1024, /* a longer one runs cold; below a socket's default buffer */
    WARM_MARK_SIZE = 1024,    /* the name a Python server has in place of a script */
};

/* The descriptors of a waiting process. */
enum {
    WARM_FD_JOB = 3,   /* the socket; for a server: where it is told to fork */
    WARM_FD_ENTRY = 4, /* a file in memory: the entry library */
    WARM_FD_USER = 5,  /* the user namespace of runs; any other file: there is none */
    WARM_FD_ZIP = 6,   /* a file in memory: the Python server; Python servers only */
};

/* Agent to waiting process: the job, with the descriptors 0, 1 and 2 attached. Behind it
 * come strings, each ended by a NUL: the executable's path, the folder, the arguments,
 * the environment. */
struct warm_job {
    uint32_t uid;
    uint32_t gid;
    uint32_t group_count;
    uint32_t groups[WARM_GROUPS_MAX];
    uint32_t behind; /* at a run's priority and OOM score, not the agent's */
    uint32_t limit_count;
    struct {
        uint32_t resource;
        uint32_t unused;
        uint64_t soft;
        uint64_t hard;
    } limits[WARM_LIMITS_MAX];
    uint64_t drop_caps; /* capabilities that the waiting process kept so far */
    uint32_t argument_count;
    uint32_t variable_count;
    uint32_t size; /* of the whole message */
};

/* Waiting process to agent. */
enum warm_says {
    WARM_WAITING = 1, /* it reads its socket now */
    WARM_STARTED,     /* the program begins; error 0 */
    WARM_FAILED,      /* it could not: step and error; the process ends */
};
struct warm_reply {
    uint32_t says; /* enum warm_says */
    int32_t pid;
    uint32_t step;  /* enum spawn_step */
    int32_t error;  /* errno */
    uint32_t apart; /* it is in namespaces of its own */
};

#endif
