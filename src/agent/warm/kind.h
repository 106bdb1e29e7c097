/* kind.h - what the files of this folder share: an interpreter and its waiting processes.
 * Only they include it. */
#ifndef AGENT_WARM_KIND_H
#define AGENT_WARM_KIND_H

#include <linux/capability.h>

#include "deadline.h"
#include "job.h"
#include "warm.h"

enum {
    WARM_KINDS_MAX = 8,
    WARM_START_MS = 10000, /* for a server to come up */
    WARM_FORK_MS = 100,    /* for a process that was asked for to show itself */
    WARM_BEGIN_MS = 2000,  /* for one that waits to take its job: it only has to run */
    WARM_AHEAD_MS = 2,     /* after a use: calls that come at once share the processor */
    WARM_FAILURES_MAX = 5, /* then it is given up */
};

/* What a waiting process needs to become a run's. */
#define WARM_CAPS SPAWN_CAPS

enum warm_state {
    WARM_STARTING,
    WARM_UP,
    WARM_PAUSED, /* it ended; started again when the timer fires */
    WARM_OFF,    /* given up */
};

struct warm_kind {
    struct warm *warm;
    char *name;
    bool is_python;
    enum warm_state state;
    unsigned failures; /* in a row */
    struct loop_timer timer;
    /* Python's server. */
    pid_t server;
    uint64_t size; /* of its address space, which its children begin with; 0: not known */
    struct loop_child server_child;
    struct loop_fd control;
    /* The process that waits, or was asked for; fd -1: there is none. */
    struct loop_fd spare;
    pid_t spare_pid;  /* 0: it has not shown itself */
    bool spare_waits; /* it has said so */
    struct loop_child spare_child;
    struct loop_timer ahead; /* gets the next one ready when one was used */
};

struct warm {
    struct loop *loop;
    struct tree *tree;
    char **env;     /* as in the settings */
    char *preload;  /* "json,re,…" */
    char *path;     /* PATH in env */
    int entry_file; /* files.h */
    int python_file;
    int null_fd;
    int user_namespace;       /* the agent's to close; 0: none */
    struct identity identity; /* the agent's */
    uint64_t caps;            /* those of WARM_CAPS that the agent has */
    unsigned kind_count;
    struct warm_kind kinds[WARM_KINDS_MAX];
    void (*changed)(void *owner, const char *name, bool up, const char *reason);
    void (*lacks)(void *owner, const char *name, const char *what);
    void *owner;
};

/* fit.c: whether a process of this kind is what executing spec would give. */
bool warm_fits(const struct warm_kind *kind, const struct spawn *spec);
/* Whether a Python server is started with this variable, as the sandbox has it: a run that has
 * another value does not fit. */
bool warm_is_given(const char *variable);
/* The value of a variable in an environment, or NULL. */
const char *warm_variable(const char *const *env, const char *name);
/* The executable that a name means on this PATH; false: there is none. */
bool warm_find(const char *name, const char *path, char *found, size_t size);

/* What waiting processes have as WARM_FD_USER. */
int warm_user_fd(const struct warm *warm);

/* A pair of connected sockets of whole messages, CLOEXEC. */
int warm_sockets(int ends[2]);

/* job.c: writes spec as a job; its size, 0 when it does not fit. */
size_t warm_job_write(const struct spawn *spec, const char *path, char *buffer, size_t size);

/* The same: one message with descriptors, at most 3. False: it cannot be taken now. */
bool warm_send(int socket, const void *bytes, size_t len, const int *fds, unsigned count);

/* spare.c: the waiting process. */
void warm_spare_init(struct warm_kind *kind);
bool warm_spare_prepare(struct warm_kind *kind); /* has one or asks for one */
void warm_spare_drop(struct warm_kind *kind);    /* kills it */
/* As warm_spawn. */
pid_t warm_spare_use(struct warm_kind *kind, const struct spawn *spec, struct spawn_error *error);

/* python.c: the server. */
void warm_server_init(struct warm_kind *kind);
void warm_server_start(struct warm_kind *kind);
void warm_server_stop(struct warm_kind *kind);
/* Asks for a child that waits on this socket. False: it cannot now. */
bool warm_server_fork(struct warm_kind *kind, int socket);

/* warm.c: its state changed. reason: the version when it is up, else why not. */
void warm_is_up(struct warm_kind *kind, const char *version);
void warm_failed(struct warm_kind *kind, bool for_good, const char *reason);

#endif
