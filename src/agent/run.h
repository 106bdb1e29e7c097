/* run.h - one program under way: from RUN to EXIT. Its deadline is kept here: TERM, a
 * short grace, then KILL for the whole tree. It is over when its leader has ended and
 * both streams have, and what still holds them after a short grace is killed first
 * (unless its children may live on). What could not be started ends the same way, as a
 * shell would say it: 127 for a program that is not there, 126 for anything else, and
 * the reason on standard error. */
#ifndef AGENT_RUN_H
#define AGENT_RUN_H

#include <sys/resource.h>

#include "agent.h"
#include "input.h"
#include "output.h"

struct run {
    struct enc_list in_agent;
    struct agent *agent;
    uint32_t id;
    struct identity identity;
    struct spawn_limits limits;
    pid_t leader; /* 0: it has not started */
    struct loop_child child;
    struct loop_timer deadline, grace;
    struct input in;
    struct output out, err;
    bool warm, keep_children;
    bool apart;                     /* in namespaces of its own */
    bool timed_out, stopped, ended; /* ended: the leader */
    unsigned calls;                 /* for the end of its streams: 1 killed, 2 last call */
    uint64_t started;
    int status;
    struct rusage usage;
    struct counts before;
    /* As it is told. */
    uint64_t wall;
    uint64_t user_ns, system_ns, peak;
};

/* False: the frame breaks the protocol. */
bool run_start(struct agent *agent, const struct enc_wire_frame *frame);
struct run *run_find(struct agent *agent, uint32_t id);

void run_pause(struct run *run, bool paused);
void run_stop(struct run *run);
/* The connection has room again. */
void run_room(struct run *run);
/* An orphan was reaped that can only have been this run's. */
void run_orphan(struct run *run, const struct rusage *usage);

/* run_report.c: EXIT. */
void run_report(struct run *run, int exit_code);
/* As a shell: the reason on standard error, then EXIT. */
__attribute__((format(printf, 4, 5))) void run_refuse(
    struct run *run, int exit_code, int error, const char *format, ...);
/* Takes it out of everything and frees it. */
void run_free(struct run *run);
/* Once, before it can start: its timers. */
void run_prepare(struct run *run, uint64_t deadline);
/* It runs now, as this process. */
void run_started(struct run *run, pid_t leader);

#endif
