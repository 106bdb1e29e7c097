/* What the engine may ask for, and when. */
#include "agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "namespaces.h"
#include "ports.h"
#include "reset.h"
#include "run.h"
#include "service.h"
#include "transfer.h"
#include "warm/warm.h"

#define WARM_LATE (20 * ENC_NS_PER_S) /* then the sandbox is ready without it */

static void refuse(struct agent *agent, const char *why) {
    dprintf(2, "agent: %s\n", why);
    loop_stop(agent->loop, 2);
}

static void tell_ready(struct agent *agent) {
    uint8_t bytes[2048];
    struct enc_wire_writer writer;
    if (agent->told_ready)
        return;
    agent->told_ready = true;
    loop_timer_stop(&agent->warm_late);
    agent->shares_network = agent->service || ports_are_used();
    own_remember(&agent->own, agent->places, agent->place_count);
    enc_wire_begin(&writer, bytes, sizeof bytes, ENC_WIRE_READY, 0);
    for (unsigned i = 0; i < agent->up_count; i++)
        enc_wire_put_text(&writer, ENC_WIRE_TAG_WARM, agent->up[i]);
    conn_send_fields(&agent->conn, &writer);
    if (agent->warm)
        warm_idle(agent->warm);
}

static void on_warm(void *owner, const char *name, bool up, const char *reason) {
    struct agent *agent = owner;
    if (!up)
        conn_log(&agent->conn, "%.40s is not kept warm: %.300s", name, reason);
    else if (!agent->told_ready && agent->up_count < WARM_NAMES_MAX)
        agent->up[agent->up_count++] = name;
    /* The state of the others is looked at on the next turn, when all is settled. */
    if (!agent->told_ready)
        loop_timer_start(agent->loop, &agent->warm_late, 0);
    reset_continue(agent);
}

static void on_lack(void *owner, const char *name, const char *what) {
    struct agent *agent = owner;
    if (!agent->told_ready) /* one that is started again does without the same */
        conn_log(&agent->conn, "%.40s does without the module %.300s", name, what);
}

static void on_warm_look(struct loop_timer *timer) {
    struct agent *agent = ENC_CONTAINER_OF(timer, struct agent, warm_late);
    if (agent->told_ready)
        return;
    if (!agent->warm || warm_settled(agent->warm)) {
        tell_ready(agent);
    } else if (enc_now() - agent->warm_since > WARM_LATE) {
        conn_log(&agent->conn, "a warm interpreter does not come up");
        tell_ready(agent);
    } else {
        loop_timer_start(agent->loop, timer, agent->warm_since + WARM_LATE + 1);
    }
}

static void start_warm(struct agent *agent, const struct enc_wire_frame *frame) {
    const char **names = settings_texts(frame, ENC_WIRE_TAG_WARM);
    const char **preload = settings_texts(frame, ENC_WIRE_TAG_PRELOAD);
    struct warm_settings settings = {
        .names = names,
        .preload = preload && preload[0] ? preload : NULL,
        .env = (const char *const *)agent->env,
        .user_namespace = agent->user_namespace,
        .changed = on_warm,
        .lacks = on_lack,
        .owner = agent,
    };
    if (names && names[0])
        agent->warm = warm_new(agent->loop, &agent->tree, &settings);
    free(names);
    free(preload);
    agent->warm_since = enc_now();
    agent->warm_late.fire = on_warm_look;
    loop_timer_start(agent->loop, &agent->warm_late, 0);
}

static void configure(struct agent *agent, const struct enc_wire_frame *frame) {
    const char *reason = "a second configuration";
    if (agent->configured || !settings_take(agent, frame, &reason)) {
        conn_log(&agent->conn, "%s", reason);
        refuse(agent, reason);
        return;
    }
    agent->configured = true;
    agent->user_namespace = namespaces_open();
    service_start(agent, frame);
    start_warm(agent, frame);
}

static void start_run(struct agent *agent, const struct enc_wire_frame *frame) {
    if (run_find(agent, frame->id) || transfer_find(agent, frame->id) || agent->reset)
        refuse(agent, "a run that cannot be now");
    else if (!run_start(agent, frame))
        refuse(agent, "a run without a program, or no memory for it");
}

/* Runs that have ended meanwhile are gone; what is still said to them is ignored. */
static void tell_run(struct agent *agent, const struct enc_wire_frame *frame) {
    struct run *run = run_find(agent, frame->id);
    struct transfer *transfer = run ? NULL : transfer_find(agent, frame->id);
    if (transfer && frame->type == ENC_WIRE_STOP)
        transfer_stop(transfer);
    if (!run)
        return;
    switch (frame->type) {
    case ENC_WIRE_INPUT:
        if (!input_add(&run->in, frame->body, frame->len))
            refuse(agent, "more input than the window");
        break;
    case ENC_WIRE_INPUT_END:
        input_end(&run->in);
        break;
    case ENC_WIRE_PAUSE:
        run_pause(run, true);
        break;
    case ENC_WIRE_RESUME:
        run_pause(run, false);
        break;
    default:
        run_stop(run);
    }
}

void agent_frame(struct agent *agent, const struct enc_wire_frame *frame) {
    if (!agent->configured && frame->type != ENC_WIRE_HELLO && frame->type != ENC_WIRE_CONFIG &&
        frame->type != ENC_WIRE_PING) {
        refuse(agent, "a request before the configuration");
        return;
    }
    switch (frame->type) {
    case ENC_WIRE_HELLO:
        break;
    case ENC_WIRE_CONFIG:
        configure(agent, frame);
        break;
    case ENC_WIRE_RUN:
        start_run(agent, frame);
        break;
    case ENC_WIRE_PUT:
    case ENC_WIRE_DATA:
    case ENC_WIRE_PUT_END:
    case ENC_WIRE_FOLDER:
    case ENC_WIRE_LINK:
    case ENC_WIRE_GET:
        if (!transfer_frame(agent, frame))
            refuse(agent, "no memory for a transfer");
        break;
    case ENC_WIRE_RESET:
        if (!reset_start(agent))
            refuse(agent, "a reset that cannot be now");
        break;
    case ENC_WIRE_PING:
        conn_send(&agent->conn, ENC_WIRE_PONG, frame->id, NULL, 0);
        break;
    default:
        tell_run(agent, frame);
    }
}

void agent_room(struct agent *agent) {
    ENC_LIST_FOR_EACH_SAFE(cursor, &agent->runs)
    run_room(ENC_CONTAINER_OF(cursor, struct run, in_agent));
    ENC_LIST_FOR_EACH_SAFE(cursor, &agent->transfers)
    transfer_room(ENC_CONTAINER_OF(cursor, struct transfer, in_agent));
}

/* An orphan belongs to a run for certain only when there is no other. */
static void on_orphan(void *data, pid_t pid, const struct rusage *usage) {
    struct agent *agent = data;
    (void)pid;
    if (!enc_list_empty(&agent->runs) && agent->runs.next == agent->runs.prev)
        run_orphan(ENC_CONTAINER_OF(agent->runs.next, struct run, in_agent), usage);
}

int agent_open(struct agent *agent, const char *socket_path) {
    enc_list_init(&agent->runs);
    enc_list_init(&agent->transfers);
    agent->loop = loop_new();
    if (!agent->loop || tree_open(&agent->tree) < 0)
        return -1;
    loop_on_orphan(agent->loop, on_orphan, agent);
    counters_open(&agent->counters);
    return conn_open(&agent->conn, agent, socket_path);
}
