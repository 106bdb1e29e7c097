#include "sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "sandbox_inside.h"

#define RESET_LIMIT (10 * ENC_NS_PER_S)

const char *enc_sandbox_state_name(enum enc_sandbox_state state) {
    static const char *const names[] = {
#define X(constant, name) name,
        ENC_SANDBOX_STATES(X)
#undef X
    };
    return state < ENC_SANDBOX_STATE_COUNT ? names[state] : "error";
}

static double wall_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int make_id(char id[40]) {
    unsigned char random[8];
    if (getentropy(random, sizeof random) != 0)
        return -1;
    char *at = id + snprintf(id, 40, "enc-");
    for (size_t i = 0; i < sizeof random; i++)
        at += snprintf(at, 3, "%02x", random[i]);
    return 0;
}

void enc_sandbox_set_state(struct enc_sandbox *sandbox, enum enc_sandbox_state state) {
    sandbox->state = state;
    sandbox->updated_at = wall_clock();
}

/* A sandbox of its own says itself whether it is busy; that of a pool is told. */
void enc_sandbox_note_work(struct enc_sandbox *sandbox) {
    if (*sandbox->pool || sandbox->destroying || sandbox->broken)
        return;
    bool busy = !enc_list_empty(&sandbox->runs) || !enc_list_empty(&sandbox->transfers);
    enc_sandbox_set_state(sandbox, busy ? ENC_SANDBOX_BUSY : ENC_SANDBOX_RUNNING);
}

/* ---- the end of it -------------------------------------------------------------- */

/* Everything that waits for this sandbox gets err. */
static void end_all(struct enc_sandbox *sandbox, const struct enclave_error *err) {
    while (!enc_list_empty(&sandbox->runs))
        enc_run_fail(ENC_CONTAINER_OF(sandbox->runs.next, struct enc_run, in_sandbox), err);
    while (!enc_list_empty(&sandbox->transfers))
        enc_transfer_done(
            ENC_CONTAINER_OF(sandbox->transfers.next, struct enc_transfer, in_sandbox), err);
}

static void tear_down(struct enc_sandbox *sandbox) {
    if (sandbox->torn_down)
        return;
    sandbox->torn_down = true;
    enc_timer_stop(sandbox->host->loop, &sandbox->teardown);
    if (!sandbox->end_error.code)
        enc_fail(
            &sandbox->end_error, ENCLAVE_CLOSED, "sandbox", "sandbox %s was closed", sandbox->id);
    end_all(sandbox, &sandbox->end_error);
    enc_sandbox_was_reset(sandbox, NULL, &sandbox->end_error);
    if (sandbox->channel)
        sandbox->channel->close(sandbox);
}

static void on_teardown(struct enc_timer *timer) {
    struct enc_sandbox *sandbox = ENC_CONTAINER_OF(timer, struct enc_sandbox, teardown);
    tear_down(sandbox);
    sandbox->host->driver->destroy(sandbox);
}

void enc_sandbox_destroy(struct enc_sandbox *sandbox, const struct enclave_error *err) {
    if (sandbox->destroying)
        return;
    sandbox->destroying = true;
    enc_sandbox_set_state(sandbox, ENC_SANDBOX_STOPPING);
    enc_timer_stop(sandbox->host->loop, &sandbox->reset_overdue);
    if (err)
        sandbox->end_error = *err;
    if (enc_timer_start(sandbox->host->loop, &sandbox->teardown, 0) < 0)
        on_teardown(&sandbox->teardown);
}

void enc_sandbox_gone(struct enc_sandbox *sandbox) {
    sandbox->destroying = true;
    enc_sandbox_set_state(sandbox, ENC_SANDBOX_STOPPED);
    tear_down(sandbox);
    enc_timer_stop(sandbox->host->loop, &sandbox->reset_overdue);
    sandbox->events->on_gone(sandbox->data, sandbox);
    enc_config_unref(sandbox->config);
    free(sandbox);
}

void enc_sandbox_broken(struct enc_sandbox *sandbox, const struct enclave_error *err) {
    if (sandbox->destroying || sandbox->broken)
        return;
    sandbox->broken = true;
    enc_sandbox_set_state(sandbox, ENC_SANDBOX_ERROR);
    end_all(sandbox, err);
    enc_sandbox_was_reset(sandbox, NULL, err);
    if (!sandbox->destroying)
        sandbox->events->on_broken(sandbox->data, sandbox, err);
}

/* ---- the beginning --------------------------------------------------------------- */

static void on_reset_overdue(struct enc_timer *timer) {
    struct enc_sandbox *sandbox = ENC_CONTAINER_OF(timer, struct enc_sandbox, reset_overdue);
    struct enclave_error err;
    enc_fail(&err,
             ENCLAVE_TIMEOUT,
             "sandbox.reset",
             "the reset of sandbox %s did not end in time",
             sandbox->id);
    enc_sandbox_broken(sandbox, &err);
}

struct enc_sandbox *enc_sandbox_new(struct enc_host *host,
                                    struct enc_config *config,
                                    const char *pool,
                                    const struct enc_sandbox_events *events,
                                    void *data,
                                    struct enclave_error *err) {
    struct enc_sandbox *sandbox = calloc(1, sizeof *sandbox);
    if (!sandbox) {
        enc_fail_nomem(err, "sandbox.create");
        return NULL;
    }
    if (make_id(sandbox->id) < 0) {
        enc_fail(err, ENCLAVE_INTERNAL, "sandbox.create", "no random numbers from the system");
        free(sandbox);
        return NULL;
    }
    sandbox->host = host;
    sandbox->config = enc_config_ref(config);
    sandbox->events = events;
    sandbox->data = data;
    enc_list_init(&sandbox->in_owner);
    enc_list_init(&sandbox->runs);
    enc_list_init(&sandbox->transfers);
    sandbox->teardown.fire = on_teardown;
    sandbox->reset_overdue.fire = on_reset_overdue;
    sandbox->created_ns = enc_now();
    sandbox->created_at = wall_clock();
    enc_sandbox_set_state(sandbox, ENC_SANDBOX_INITIALIZING);
    snprintf(sandbox->pool, sizeof sandbox->pool, "%s", pool ? pool : "");
    host->driver->create(host, sandbox);
    if (sandbox->driver_state)
        return sandbox;
    enc_fail_nomem(err, "sandbox.create");
    enc_config_unref(sandbox->config);
    free(sandbox);
    return NULL;
}

void enc_sandbox_ready(struct enc_sandbox *sandbox) {
    if (sandbox->ready || sandbox->destroying || sandbox->broken)
        return;
    sandbox->ready = true;
    enc_sandbox_set_state(sandbox, *sandbox->pool ? ENC_SANDBOX_IDLE : ENC_SANDBOX_RUNNING);
    sandbox->events->on_ready(sandbox->data, sandbox);
}

int enc_sandbox_usable(const struct enc_sandbox *sandbox,
                       const char *op,
                       struct enclave_error *err) {
    if (sandbox->broken)
        return enc_fail(err, ENCLAVE_LOST, op, "sandbox %s has died", sandbox->id);
    if (sandbox->destroying)
        return enc_fail(err, ENCLAVE_CLOSED, op, "sandbox %s is closed", sandbox->id);
    if (!sandbox->ready)
        return enc_fail(err, ENCLAVE_INVALID, op, "sandbox %s is not ready yet", sandbox->id);
    if (sandbox->reset_done)
        return enc_fail(err, ENCLAVE_INVALID, op, "sandbox %s is being cleaned", sandbox->id);
    return 0;
}

uint32_t enc_sandbox_next_id(struct enc_sandbox *sandbox) {
    do
        sandbox->last_run_id++;
    while (!sandbox->last_run_id || enc_sandbox_find_run(sandbox, sandbox->last_run_id) ||
           enc_sandbox_find_transfer(sandbox, sandbox->last_run_id));
    return sandbox->last_run_id;
}

/* ---- cleaning -------------------------------------------------------------------- */

/* Starts the reset that has waited for dropped runs. */
void enc_sandbox_quiet(struct enc_sandbox *sandbox) {
    struct enclave_error err;
    if (!sandbox->reset_done || sandbox->reset_begun || !enc_list_empty(&sandbox->runs) ||
        sandbox->broken || sandbox->destroying)
        return;
    sandbox->reset_begun = true;
    if (sandbox->channel->reset(sandbox, &err) < 0)
        enc_sandbox_was_reset(sandbox, NULL, &err);
}

int enc_sandbox_reset(struct enc_sandbox *sandbox,
                      enc_reset_done *done,
                      void *data,
                      struct enclave_error *err) {
    static const char op[] = "sandbox.reset";
    if (enc_sandbox_usable(sandbox, op, err) < 0)
        return -1;
    ENC_LIST_FOR_EACH(at, &sandbox->runs) {
        if (!ENC_CONTAINER_OF(at, struct enc_run, in_sandbox)->dropped)
            return enc_fail(
                err, ENCLAVE_INVALID, op, "a program still runs in sandbox %s", sandbox->id);
    }
    if (!enc_list_empty(&sandbox->transfers))
        return enc_fail(
            err, ENCLAVE_INVALID, op, "a file is still on its way, sandbox %s", sandbox->id);
    if (enc_timer_start(
            sandbox->host->loop, &sandbox->reset_overdue, enc_deadline_in(RESET_LIMIT)) < 0)
        return enc_fail_nomem(err, op);
    sandbox->reset_begun = enc_list_empty(&sandbox->runs);
    if (sandbox->reset_begun && sandbox->channel->reset(sandbox, err) < 0) {
        enc_timer_stop(sandbox->host->loop, &sandbox->reset_overdue);
        return -1;
    }
    sandbox->reset_done = done;
    sandbox->reset_data = data;
    return 0;
}

void enc_sandbox_was_reset(struct enc_sandbox *sandbox,
                           const struct enc_reset_report *report,
                           const struct enclave_error *err) {
    enc_reset_done *done = sandbox->reset_done;
    if (!done)
        return;
    sandbox->reset_done = NULL;
    enc_timer_stop(sandbox->host->loop, &sandbox->reset_overdue);
    if (!err) {
        sandbox->dirty = false;
        if (report)
            sandbox->last_reset = *report;
    }
    done(sandbox->reset_data, report, err);
}
