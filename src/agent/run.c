#include "run.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "warm/warm.h"

/* From TERM to KILL; and how long what holds the streams of a program that has ended may
 * go on, before it is killed, and after. */
#define TERM_GRACE  (200 * ENC_NS_PER_MS)
#define PIPES_GRACE (50 * ENC_NS_PER_MS)

struct run *run_find(struct agent *agent, uint32_t id) {
    ENC_LIST_FOR_EACH(cursor, &agent->runs) {
        struct run *run = ENC_CONTAINER_OF(cursor, struct run, in_agent);
        if (run->id == id)
            return run;
    }
    return NULL;
}

/* No other run is live and none left anything that may go on. */
static bool is_alone(const struct run *run) {
    const struct enc_list *runs = &run->agent->runs;
    return !run->agent->left_running && runs->next == &run->in_agent && runs->prev == runs->next;
}

static void signal_tree(struct run *run, int signal) {
    bool all = false;
    if (run->leader == 0)
        return;
    tree_signal_run(&run->agent->tree, run->leader, is_alone(run), signal, &all);
    if (all)
        conn_log(&run->agent->conn,
                 "run %u multiplied faster than it could be killed: everything was killed",
                 run->id);
}

void run_free(struct run *run) {
    loop_timer_stop(&run->deadline);
    loop_timer_stop(&run->grace);
    loop_child_unwatch(&run->child);
    input_close(&run->in);
    output_close(&run->out);
    output_close(&run->err);
    enc_list_remove(&run->in_agent);
    free(run);
}

/* The leader is gone and so are the streams. */
static void maybe_finish(struct run *run) {
    if (!run->ended || !run->out.ended || !run->err.ended)
        return;
    struct agent *agent = run->agent;
    bool keep = run->keep_children && !run->timed_out && !run->stopped;
    if (keep)
        agent->left_running = true;
    else
        signal_tree(run, SIGKILL);
    run_report(run, 0);
    run_free(run);
    if (keep && agent->warm && enc_list_empty(&agent->runs))
        warm_idle(agent->warm); /* otherwise the reset that follows does this */
}

static void stream_ended(struct output *output) {
    /* From inside output_update or the loop: the run ends on the next turn. */
    struct run *run = output->type == ENC_WIRE_OUTPUT ? ENC_CONTAINER_OF(output, struct run, out)
                                                      : ENC_CONTAINER_OF(output, struct run, err);
    if (run->ended && run->out.ended && run->err.ended)
        loop_timer_start(run->agent->loop, &run->grace, 0);
}

static uint64_t to_ns(struct timeval time) {
    return (uint64_t)time.tv_sec * ENC_NS_PER_S + (uint64_t)time.tv_usec * 1000;
}

static void add_usage(struct run *run, const struct rusage *usage) {
    uint64_t peak = (uint64_t)usage->ru_maxrss * 1024;
    run->user_ns += to_ns(usage->ru_utime);
    run->system_ns += to_ns(usage->ru_stime);
    if (peak > run->peak)
        run->peak = peak;
}

void run_orphan(struct run *run, const struct rusage *usage) {
    add_usage(run, usage);
}

static void leader_ended(struct loop_child *child, int status, const struct rusage *usage) {
    struct run *run = ENC_CONTAINER_OF(child, struct run, child);
    run->ended = true;
    run->status = status;
    run->wall = enc_now() - run->started;
    add_usage(run, usage);
    loop_timer_stop(&run->deadline);
    bool done = run->out.ended && run->err.ended;
    /* The ends of its pipes are told in this same turn of the loop, if it alone had them. */
    loop_timer_start(run->agent->loop, &run->grace, done ? 0 : enc_deadline_in(PIPES_GRACE));
}

static void on_grace(struct loop_timer *timer) {
    struct run *run = ENC_CONTAINER_OF(timer, struct run, grace);
    if (!run->ended) { /* after TERM */
        signal_tree(run, SIGKILL);
        loop_timer_start(run->agent->loop, &run->grace, enc_deadline_in(PIPES_GRACE));
        return;
    }
    if (run->out.ended && run->err.ended) {
        maybe_finish(run);
        return;
    }
    if (run->calls++ == 0 && !run->keep_children) {
        signal_tree(run, SIGKILL);
        loop_timer_start(run->agent->loop, &run->grace, enc_deadline_in(PIPES_GRACE));
        return;
    }
    run->out.last_call = run->err.last_call = true;
    output_update(&run->out);
    output_update(&run->err);
}

static void on_deadline(struct loop_timer *timer) {
    struct run *run = ENC_CONTAINER_OF(timer, struct run, deadline);
    loop_reap(run->agent->loop); /* where the agent is late, it may have ended in time */
    if (run->ended)
        return;
    run->timed_out = true;
    signal_tree(run, SIGTERM);
    loop_timer_start(run->agent->loop, &run->grace, enc_deadline_in(TERM_GRACE));
}

void run_prepare(struct run *run, uint64_t deadline) {
    run->child.ended = leader_ended;
    run->deadline.fire = on_deadline;
    run->grace.fire = on_grace;
    run->out.on_end = run->err.on_end = stream_ended;
    if (deadline != ENC_NEVER)
        loop_timer_start(run->agent->loop, &run->deadline, deadline);
}

void run_started(struct run *run, pid_t leader) {
    run->leader = leader;
    loop_child_watch(run->agent->loop, &run->child, leader);
}

void run_pause(struct run *run, bool paused) {
    if (run->stopped)
        return;
    run->out.paused = run->err.paused = paused;
    run_room(run);
}

void run_stop(struct run *run) {
    run_pause(run, false);
    if (run->stopped)
        return;
    run->stopped = true;
    loop_timer_stop(&run->deadline);
    signal_tree(run, SIGKILL);
}

void run_room(struct run *run) {
    output_update(&run->out);
    output_update(&run->err);
}
