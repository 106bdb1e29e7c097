#include "reset.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "empty.h"
#include "ipc.h"
#include "ports.h"
#include "run.h"
#include "transfer.h"
#include "warm/warm.h"

#define KILL_LIMIT     (3 * ENC_NS_PER_S)   /* then it has failed */
#define ESCALATE_AFTER (20 * ENC_NS_PER_MS) /* then everything is killed at once */
#define WARM_LIMIT     (5 * ENC_NS_PER_S)   /* an interpreter that does not come up is left */
#define STEP_BUDGET    20000                /* files a step */

struct reset {
    struct agent *agent;
    struct loop_timer next;
    uint64_t started;
    unsigned place;
    uint32_t killed, removed, ipc;
    bool killed_all, cleaned;
};

static void finish(struct reset *reset, const char *failure) {
    uint8_t bytes[512];
    struct enc_wire_writer writer;
    struct agent *agent = reset->agent;
    enc_wire_begin(&writer, bytes, sizeof bytes, ENC_WIRE_CLEANED, 0);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_DURATION, enc_now() - reset->started);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_KILLED, reset->killed);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_REMOVED, reset->removed);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_IPC_REMOVED, reset->ipc);
    if (failure) {
        enc_wire_put_number(&writer, ENC_WIRE_TAG_FAILURE, ENC_WIRE_FAILED);
        enc_wire_put_text(&writer, ENC_WIRE_TAG_TEXT, failure);
    }
    conn_send_fields(&agent->conn, &writer);
    loop_timer_stop(&reset->next);
    agent->reset = NULL;
    free(reset);
}

static void again_in(struct reset *reset, uint64_t ns) {
    loop_timer_start(reset->agent->loop, &reset->next, enc_deadline_in(ns));
}

/* Runs that are live are ended in the usual way first: the engine hears of each. */
static bool runs_are_gone(struct agent *agent) {
    ENC_LIST_FOR_EACH_SAFE(cursor, &agent->transfers)
    transfer_stop(ENC_CONTAINER_OF(cursor, struct transfer, in_agent));
    ENC_LIST_FOR_EACH_SAFE(cursor, &agent->runs)
    run_stop(ENC_CONTAINER_OF(cursor, struct run, in_agent));
    return enc_list_empty(&agent->runs);
}

/* Kills, and waits a moment for the deaths. The number that is left; -1: not known. */
static int kill_others(struct reset *reset) {
    struct agent *agent = reset->agent;
    struct timespec moment = {0, 100000};
    unsigned fresh = 0;
    int left = 0;
    for (unsigned i = 0; i < 8; i++) {
        left = tree_kill_others(&agent->tree, &fresh);
        reset->killed += fresh;
        loop_reap(agent->loop);
        if (left <= 0)
            return left;
        nanosleep(&moment, NULL);
    }
    if (fresh > 0 && !reset->killed_all && enc_now() - reset->started > ESCALATE_AFTER) {
        reset->killed_all = true;
        tree_kill_all();
        conn_log(&agent->conn, "processes multiplied under the reset: everything was killed");
    }
    return left;
}

/* True: all places are empty. False: it goes on later, or has failed. */
static bool empty_places(struct reset *reset) {
    struct agent *agent = reset->agent;
    char failure[300];
    for (; reset->place < agent->place_count; reset->place++) {
        struct place *place = &agent->places[reset->place];
        switch (empty_place(agent, place, STEP_BUDGET, &reset->removed)) {
        case EMPTY_DONE:
            break;
        case EMPTY_MORE:
            again_in(reset, 0);
            return false;
        case EMPTY_FAILED:
            snprintf(failure,
                     sizeof failure,
                     "%.200s cannot be emptied: %s",
                     place->path,
                     strerror(errno));
            finish(reset, failure);
            return false;
        }
    }
    return true;
}

/* True: everything is gone. False: it goes on later, or has failed and reset is gone. */
static bool clean(struct reset *reset) {
    struct agent *agent = reset->agent;
    const char *changed;
    int left;
    if (!runs_are_gone(agent) || (agent->warm && warm_forking(agent->warm)))
        left = 1;
    else
        left = kill_others(reset);
    if (left != 0) {
        if (left < 0)
            finish(reset, "/proc cannot be read");
        else if (enc_now() - reset->started > KILL_LIMIT)
            finish(reset, "processes are left that cannot be killed");
        else
            again_in(reset, ENC_NS_PER_MS / 2);
        return false;
    }
    if (!empty_places(reset))
        return false;
    if (ipc_remove_all(&reset->ipc) < 0) {
        finish(reset, "a System V object is left");
        return false;
    }
    if ((changed = own_changed(&agent->own, agent->places, agent->place_count, agent->root_ran))) {
        finish(reset, changed);
        return false;
    }
    if (!agent->shares_network && ports_are_held()) {
        finish(reset, "a connection that has ended still holds its port");
        return false;
    }
    /* Nothing came up behind our back. Where nothing was there, nothing could: the run's
     * own end had looked, too. */
    if (reset->killed > 0 && kill_others(reset) != 0) {
        reset->place = 0;
        again_in(reset, ENC_NS_PER_MS);
        return false;
    }
    reset->cleaned = true;
    agent->left_running = false;
    if (agent->warm && agent->root_ran)
        warm_restart(agent->warm); /* it was the same user's */
    agent->root_ran = false;
    return true;
}

static void step(struct loop_timer *timer) {
    struct reset *reset = ENC_CONTAINER_OF(timer, struct reset, next);
    struct agent *agent = reset->agent;
    if (!reset->cleaned && !clean(reset))
        return;
    if (agent->warm && !warm_settled(agent->warm) &&
        enc_now() - reset->started < KILL_LIMIT + WARM_LIMIT) {
        again_in(reset, 2 * ENC_NS_PER_MS);
        return;
    }
    finish(reset, NULL);
    if (agent->warm)
        warm_idle(agent->warm);
}

bool reset_start(struct agent *agent) {
    struct reset *reset = agent->reset ? NULL : calloc(1, sizeof *reset);
    if (!reset)
        return false;
    reset->agent = agent;
    reset->started = enc_now();
    reset->next.fire = step;
    agent->reset = reset;
    agent->tree.count = 0; /* every process counts as new */
    step(&reset->next);
    return true;
}

void reset_continue(struct agent *agent) {
    if (agent->reset && agent->reset->cleaned)
        loop_timer_start(agent->loop, &agent->reset->next, 0);
}
