/* warm.h - interpreters that are already running when a run comes: a Python server that
 * forks a child for each run, and shells that were executed and stopped before main().
 * Either way the run's process is indistinguishable from an executed one, and until it
 * gets its job it has the agent's user, so that no run can touch it.
 * Uses the loop, spawn and tree. What it cannot serve, or not now, is run cold by the
 * caller: it never fails a run that would have worked. */
#ifndef AGENT_WARM_H
#define AGENT_WARM_H

#include <stdbool.h>
#include <sys/types.h>

#include "loop.h"
#include "spawn.h"
#include "tree.h"

struct warm;

/* All is copied. */
struct warm_settings {
    const char *const *names;   /* "python3", "sh", …: argv[0] of the runs to be served */
    const char *const *preload; /* modules for Python; NULL: the default list */
    const char *const *env;     /* of runs, as far as it is known */
    int user_namespace;         /* as of struct spawn */
    /* An interpreter came up (reason is its version), or was given up (why). */
    void (*changed)(void *owner, const char *name, bool up, const char *reason);
    /* It serves, but not all that was wished for. */
    void (*lacks)(void *owner, const char *name, const char *what);
    void *owner;
};

/* Starts the interpreters; they come up later. NULL: errno. */
struct warm *warm_new(struct loop *loop, struct tree *tree, const struct warm_settings *settings);
/* Ends them. NULL is fine. */
void warm_free(struct warm *warm);

/* Whether every interpreter has come up or was given up. */
bool warm_settled(const struct warm *warm);

/* In place of spawn_program: the program in a process that was waiting, or that is forked
 * now; answers within a tenth of a second, as a rule of a millisecond. Standard output and
 * errors are pipes, input is one or /dev/null. The name is an
 * interpreter's and need not be that of argv[0]. 0: nothing was started, run it cold. */
pid_t warm_spawn(struct warm *warm,
                 const char *name,
                 const struct spawn *spec,
                 struct spawn_error *error);

/* Nothing runs and nothing is being reset: the time to get processes ready ahead. */
void warm_idle(struct warm *warm);

/* Whether a process was asked for that has not shown itself, which it does within
 * milliseconds: the tree does not know it yet, and a reset would kill and count it. */
bool warm_forking(const struct warm *warm);

/* Everything warm is killed and started anew: after a run that had the agent's own user. */
void warm_restart(struct warm *warm);

#endif
