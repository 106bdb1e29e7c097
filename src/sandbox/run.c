#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "sandbox_inside.h"

/* How long after its deadline a run may still be ended by the channel, before the engine
 * has it killed; and how long a kill may take before the sandbox counts as broken. */
#define LATE_LIMIT   (500 * ENC_NS_PER_MS)
#define KILL_LIMIT   (300 * ENC_NS_PER_MS)
#define CANCEL_LIMIT (700 * ENC_NS_PER_MS)

static struct enc_loop *loop_of(const struct enc_run *run) {
    return run->sandbox->host->loop;
}

static void run_free(struct enc_run *run) {
    enc_buf_free(&run->result.out.bytes);
    enc_buf_free(&run->result.err.bytes);
    free(run);
}

static void count_level(struct enc_levels *ran, const char *isolation) {
    if (!isolation)
        return; /* nobody knows how it ended */
    if (!strcmp(isolation, "namespaces"))
        ran->namespaces++;
    else if (!strcmp(isolation, "reset"))
        ran->reset++;
    else
        ran->container++;
}

/* The one way out of the sandbox. */
static void end(struct enc_run *run, const struct enclave_error *err) {
    struct enc_sandbox *sandbox = run->sandbox;
    if (run->done)
        return;
    run->done = true;
    enc_timer_stop(loop_of(run), &run->overdue);
    enc_list_remove(&run->in_sandbox);
    sandbox->channel->run_end(run);
    enc_output_end(&run->result.out, &run->tail_at[0]);
    enc_output_end(&run->result.err, &run->tail_at[1]);
    if (!run->result.wall_ns)
        run->result.wall_ns = enc_now() - run->started_ns;
    count_level(&sandbox->ran, run->result.isolation);
    enc_sandbox_note_work(sandbox);
    if (!run->dropped)
        run->events->on_done(run->data, &run->result, err);
    run_free(run);
    enc_sandbox_quiet(sandbox);
}

void enc_run_finish(struct enc_run *run) {
    struct enc_run_result *result = &run->result;
    if (run->cancelled)
        result->status = ENC_RUN_CANCELLED;
    else if (run->killed)
        result->status = ENC_RUN_TIMEOUT;
    if (result->status == ENC_RUN_TIMEOUT && !result->limit)
        result->limit = "time";
    end(run, NULL);
}

void enc_run_fail(struct enc_run *run, const struct enclave_error *err) {
    run->result.exit_code = -1;
    end(run, err);
}

/* The kill did not help either: whatever holds the program is out of control. */
static void give_up(struct enc_run *run) {
    struct enc_sandbox *sandbox = run->sandbox;
    struct enclave_error err;
    enc_fail(&err,
             ENCLAVE_LOST,
             "sandbox.run",
             "a program in sandbox %s did not end in time",
             sandbox->id);
    enc_log(sandbox->host->log, ENC_LOG_WARN, "%s; the sandbox is given up", err.message);
    run->result.exit_code = -1;
    run->result.term_signal = 0;
    enc_run_finish(run);
    enc_sandbox_broken(sandbox, &err);
}

static void on_overdue(struct enc_timer *timer) {
    struct enc_run *run = ENC_CONTAINER_OF(timer, struct enc_run, overdue);
    if (!run->killed) {
        run->killed = true;
        if (enc_timer_start(loop_of(run), &run->overdue, enc_deadline_in(KILL_LIMIT)) == 0) {
            run->sandbox->channel->run_kill(run);
            return;
        }
    }
    give_up(run);
}

struct enc_run *enc_run_start(struct enc_sandbox *sandbox,
                              const struct enc_run_spec *spec,
                              const struct enc_run_events *events,
                              void *data,
                              struct enclave_error *err) {
    static const char op[] = "sandbox.run";
    if (enc_sandbox_usable(sandbox, op, err) < 0)
        return NULL;
    if (!spec->argv || !spec->argv[0] || !*spec->argv[0]) {
        enc_fail(err, ENCLAVE_INVALID, op, "argv: there is no program in it");
        return NULL;
    }
    const struct enc_config *config = sandbox->config;
    uint64_t asked = spec->deadline == ENC_NEVER ? 0 : enc_deadline_left(spec->deadline);
    if ((double)asked > config->max_timeout * 1e9) {
        enc_fail(err,
                 ENCLAVE_INVALID,
                 op,
                 "timeout: %.6g seconds are more than this sandbox allows; expected at most its "
                 "max_timeout, %g",
                 (double)asked / 1e9,
                 config->max_timeout);
        return NULL;
    }
    struct enc_run *run = calloc(1, sizeof *run);
    if (!run) {
        enc_fail_nomem(err, op);
        return NULL;
    }
    run->sandbox = sandbox;
    run->id = enc_sandbox_next_id(sandbox);
    run->events = events;
    run->data = data;
    run->deadline =
        spec->deadline == ENC_NEVER ? enc_deadline_in_seconds(config->timeout) : spec->deadline;
    run->max_output = spec->max_output ? spec->max_output : config->max_output_bytes;
    if (run->max_output > ENC_RUN_OUTPUT_MOST)
        run->max_output = ENC_RUN_OUTPUT_MOST;
    run->started_ns = enc_now();
    run->input_open = spec->stdin_open;
    run->result.exit_code = -1;
    run->overdue.fire = on_overdue;
    enc_deadline guard = enc_deadline_min(run->deadline, ENC_NEVER - 1 - LATE_LIMIT) + LATE_LIMIT;
    if (enc_timer_start(loop_of(run), &run->overdue, guard) < 0) {
        enc_fail_nomem(err, op);
        run_free(run);
        return NULL;
    }
    enc_list_push_back(&sandbox->runs, &run->in_sandbox);
    sandbox->dirty = true;
    if (sandbox->channel->run(run, spec, err) < 0) {
        enc_timer_stop(loop_of(run), &run->overdue);
        enc_list_remove(&run->in_sandbox);
        run_free(run);
        return NULL;
    }
    enc_sandbox_note_work(sandbox);
    return run;
}

int enc_run_input(struct enc_run *run, const void *bytes, size_t len, struct enclave_error *err) {
    if (run->done || !run->input_open)
        return enc_fail(err, ENCLAVE_CLOSED, "run.input", "the program has no open input");
    if (len)
        run->sandbox->channel->run_input(run, bytes, len);
    return 0;
}

void enc_run_input_end(struct enc_run *run) {
    if (run->done || !run->input_open)
        return;
    run->input_open = false;
    run->sandbox->channel->run_input_end(run);
}

void enc_run_pause(struct enc_run *run, bool paused) {
    if (!run->done)
        run->sandbox->channel->run_pause(run, paused);
}

void enc_run_cancel(struct enc_run *run) {
    if (run->done || run->cancelled)
        return;
    run->cancelled = true;
    if (!run->killed) { /* otherwise the guard is on its way already */
        run->killed = true;
        if (enc_timer_start(loop_of(run), &run->overdue, enc_deadline_in(CANCEL_LIMIT)) < 0)
            enc_log(run->sandbox->host->log, ENC_LOG_ERROR, "no memory for a timer");
    }
    run->sandbox->channel->run_kill(run);
}

void enc_run_drop(struct enc_run *run) {
    if (run->done || run->dropped)
        return;
    run->dropped = true;
    /* A reader that is gone must not hold the program in its pipe. */
    run->sandbox->channel->run_pause(run, false);
    enc_run_cancel(run);
}

void enc_run_feed(struct enc_run *run, enum enc_stream_id stream, const char *bytes, size_t len) {
    if (run->done || run->dropped || !len)
        return;
    bool out = stream == ENC_STDOUT;
    enc_output_feed(out ? &run->result.out : &run->result.err,
                    (size_t)run->max_output,
                    &run->tail_at[out ? 0 : 1],
                    bytes,
                    len);
    if (run->events->on_output)
        run->events->on_output(run->data, stream, bytes, len);
}

struct enc_run *enc_sandbox_find_run(struct enc_sandbox *sandbox, uint32_t id) {
    ENC_LIST_FOR_EACH(at, &sandbox->runs) {
        struct enc_run *run = ENC_CONTAINER_OF(at, struct enc_run, in_sandbox);
        if (run->id == id)
            return run;
    }
    return NULL;
}
