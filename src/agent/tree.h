/* tree.h - the processes of the container, as /proc shows them, and how to kill the
 * right ones. There is no mark that a hostile process cannot shed without privileges of
 * ours (cgroups need a writable cgroupfs, a group of its own would show in `id`), so:
 * what descends from a run's leader or stayed in its session or group is that run's; what
 * has left both and lost its parent goes with the last of the runs that may have made it;
 * and a reset kills all that is not the agent's own. */
#ifndef AGENT_TREE_H
#define AGENT_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TREE_KEPT_MAX 64
#define TREE_MAX      2048 /* processes looked at in one pass; the others in the next */

struct process {
    pid_t pid, parent, group, session;
    uint64_t start; /* with pid: its identity */
    bool dead;      /* a zombie; or only its first thread has ended */
};

struct tree {
    int proc;                  /* /proc; -1: there is none */
    pid_t kept[TREE_KEPT_MAX]; /* processes of the agent's own, with all below them */
    unsigned kept_count;
    struct process table[TREE_MAX], before[TREE_MAX]; /* this pass and the last, by pid */
    unsigned count, before_count;
};

int tree_open(struct tree *tree);

/* The process and its descendants are the agent's own (warm servers, the service). False:
 * too many. */
bool tree_keep(struct tree *tree, pid_t pid);
void tree_forget(struct tree *tree, pid_t pid);

/* Signals all of one run. alone: no other run is live, so whatever is not kept is its.
 * SIGKILL goes on until nothing new appears, and against what multiplies faster than
 * that it kills everything, kept or not (*all says so). Returns how many were
 * signalled. */
unsigned tree_signal_run(struct tree *tree, pid_t leader, bool alone, int signal, bool *all);

/* One pass of SIGKILL over all that is not kept. Returns how many live ones there were,
 * *fresh of them not seen in the pass before. -1: /proc cannot be read. */
int tree_kill_others(struct tree *tree, unsigned *fresh);

/* SIGKILL to every process but the agent: one call that no fork bomb outruns. */
void tree_kill_all(void);

#endif
