/* loop.h - the agent's one loop: file descriptors, timers and ended children, by epoll
 * and a signalfd on one thread. A callback may add and remove anything, itself too; the
 * memory of what was removed may go at once. Knows nothing of frames or runs. */
#ifndef AGENT_LOOP_H
#define AGENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "deadline.h"
#include "list.h"

struct loop;

/* One per process. NULL: errno says why. */
struct loop *loop_new(void);

/* Turns until loop_stop; what loop_stop was given is returned. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop, int status);

/* A watched descriptor; embedded in its owner, zero-initialised. events are EPOLLIN and
 * EPOLLOUT, level-triggered; 0 hears only of errors and the end (EPOLLHUP, EPOLLERR). */
struct loop_fd {
    int fd;
    bool watched;
    uint32_t events;
    void (*ready)(struct loop_fd *watch, uint32_t events);
};

/* Begins, or changes the events. -1: errno. */
int loop_watch(struct loop *loop, struct loop_fd *watch, uint32_t events);
/* Harmless when it is not watched. Before the descriptor is closed. */
void loop_unwatch(struct loop *loop, struct loop_fd *watch);

/* A one-shot timer; embedded, zero-initialised. at is a time of enc_now(). */
struct loop_timer {
    struct enc_list in_loop;
    bool started;
    uint64_t at;
    void (*fire)(struct loop_timer *timer);
};
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t at);
void loop_timer_stop(struct loop_timer *timer);

/* A child whose end is told: forked by the agent, or reparented to it. It was reaped
 * when ended is called, and the watch is removed before the call. A child that ended
 * before it is watched is not lost as long as the agent did not return to its loop
 * since it was forked; for reparented ones, which can end at any time, the loop keeps
 * the last 64 unwatched ends and loop_child_watch tells of them at the next turn. */
struct loop_child {
    struct enc_list in_loop;
    pid_t pid; /* 0: not watched */
    void (*ended)(struct loop_child *child, int status, const struct rusage *usage);
};
void loop_child_watch(struct loop *loop, struct loop_child *child, pid_t pid);
void loop_child_unwatch(struct loop_child *child);

/* Ends that nobody watches (orphans of a run) are told here, too. */
void loop_on_orphan(struct loop *loop,
                    void (*ended)(void *data, pid_t pid, const struct rusage *usage),
                    void *data);

/* Reaps what has ended and tells the watchers, without waiting: for the places that
 * wait for processes to disappear. Returns how many were reaped. */
unsigned loop_reap(struct loop *loop);

#endif
