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

#include "list.h"
#include "loop.h"
#include "spawn.h"
#include "tree.h"

struct warm;

/* The texts are copied. */
struct warm_settings {
    const char *const *names;   /* "python3", "sh", …: argv[0] of the runs to be served */
    const char *const *preload; /* modules for Python; NULL: the default list */
    const char *const *env;     /* of runs, as far as it is known: PATH and the locale count */
    /* An interpreter came up, or is given up: reason says why ("" when it is up). */
    void (*changed)(void *owner, const char *name, bool up, const char *reason);
    void *owner;
};

/* Starts the interpreters; they come up later. NULL: errno. */
struct warm *warm_new(struct loop *loop, struct tree *tree, const struct warm_settings *settings);
/* Ends them. Claims are gone without a word. NULL is fine. */
void warm_free(struct warm *warm);

/* Whether every interpreter has come up or was given up. */
bool warm_settled(const struct warm *warm);

/* A run that waits for its process; embedded in the run, zero-initialised. */
struct warm_claim {
    struct warm_child *child; /* NULL: nothing is claimed */
    /* pid > 0: it is the agent's child and begins now, as if spawn_program had returned.
     * 0: nothing was started, run it cold. -1: error, as of spawn_program. */
    void (*done)(struct warm_claim *claim, pid_t pid, const struct spawn_error *error);
};

/* Hands the program to a warm process. True: done follows, from the loop; until then the
 * caller keeps its descriptors. False: run it cold. */
bool warm_start(struct warm *warm,
                const char *name,
                const struct spawn *spec,
                struct warm_claim *claim);
/* Whatever the claim was to become is killed; done is not called. */
void warm_cancel(struct warm *warm, struct warm_claim *claim);

/* Nothing runs now: the time to get a process ready ahead. */
void warm_idle(struct warm *warm);

/* Whether a fork was asked for that has not shown itself: its process is not known to the
 * tree yet and a reset would kill it (harmless, but it would be counted). It shows within
 * milliseconds. */
bool warm_forking(const struct warm *warm);

/* Everything warm is killed and started anew: when a run had the agent's own user. */
void warm_restart(struct warm *warm);

#endif
