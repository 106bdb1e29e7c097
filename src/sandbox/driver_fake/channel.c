#include <stdlib.h>
#include <string.h>

#include "fake.h"

/* One step a turn, so that everything comes from the loop. */
struct fake_run {
    struct enc_timer timer;
    struct enc_run *run;
    struct enc_fake_program program;
    bool input_open, killed, paused;
};

struct fake_transfer {
    struct enc_timer timer;
    struct enc_transfer *transfer;
};

static struct enc_fake_sandbox *fake_of(const struct enc_sandbox *sandbox) {
    return sandbox->driver_state;
}

static void schedule(struct fake_run *state, enc_deadline at) {
    enc_timer_start(state->run->sandbox->host->loop, &state->timer, at);
}

/* What it has printed by now. */
static void flush(struct fake_run *state) {
    static const char spam[] = "spam and eggs. ";
    struct enc_fake_program *program = &state->program;
    struct enc_buf out = enc_buf_steal(&program->out), err = enc_buf_steal(&program->err);
    enc_run_feed(state->run, ENC_STDOUT, out.data, out.len);
    enc_run_feed(state->run, ENC_STDERR, err.data, err.len);
    enc_buf_free(&out);
    enc_buf_free(&err);
    while (program->spam) {
        size_t piece = program->spam < sizeof spam - 1 ? (size_t)program->spam : sizeof spam - 1;
        program->spam -= piece;
        enc_run_feed(state->run, ENC_STDOUT, spam, piece);
    }
}

static void end(struct fake_run *state, enum enc_run_status status, int code, int term_signal) {
    struct enc_run *run = state->run;
    struct enc_sandbox *sandbox = run->sandbox;
    run->result.status = status;
    run->result.exit_code = status == ENC_RUN_EXITED ? code : -1;
    run->result.term_signal = term_signal;
    run->result.isolation = "container";
    unsigned most = enc_fake_host_of(sandbox)->options.die_after_runs;
    bool dies = ++fake_of(sandbox)->runs == most && most;
    enc_run_finish(run);
    if (dies) {
        struct enclave_error err;
        enc_fail(&err, ENCLAVE_LOST, "sandbox", "sandbox %s died of old age", sandbox->id);
        enc_sandbox_broken(sandbox, &err);
    }
}

static void on_step(struct enc_timer *timer) {
    struct fake_run *state = ENC_CONTAINER_OF(timer, struct fake_run, timer);
    struct enc_run *run = state->run;
    if (!state->paused)
        flush(state);
    if (state->killed) {
        end(state, ENC_RUN_SIGNALED, -1, 9);
        return;
    }
    if (state->paused)
        return;
    switch (state->program.end) {
    case ENC_FAKE_EXIT:
        end(state, ENC_RUN_EXITED, state->program.code, 0);
        return;
    case ENC_FAKE_CAT:
        if (!state->input_open) {
            end(state, ENC_RUN_EXITED, 0, 0);
            return;
        }
        break;
    case ENC_FAKE_DIE: {
        struct enclave_error err;
        enc_fail(&err, ENCLAVE_LOST, "sandbox", "sandbox %s died", run->sandbox->id);
        enc_sandbox_broken(run->sandbox, &err);
        return;
    }
    case ENC_FAKE_HANG:
        return;
    case ENC_FAKE_SLEEP: {
        enc_deadline until = run->started_ns + (uint64_t)(state->program.seconds * 1e9);
        if (enc_now() >= until && until <= run->deadline) {
            end(state, ENC_RUN_EXITED, 0, 0);
            return;
        }
        schedule(state, enc_deadline_min(until, run->deadline));
        break;
    }
    }
    if (enc_now() >= run->deadline)
        end(state, ENC_RUN_TIMEOUT, -1, 9);
    else if (state->program.end == ENC_FAKE_CAT)
        schedule(state, run->deadline);
}

static int fake_run(struct enc_run *run,
                    const struct enc_run_spec *spec,
                    struct enclave_error *err) {
    struct fake_run *state = calloc(1, sizeof *state);
    if (!state)
        return enc_fail_nomem(err, "sandbox.run");
    state->run = run;
    state->timer.fire = on_step;
    state->input_open = spec->stdin_open;
    run->channel_state = state;
    if (enc_fake_program(fake_of(run->sandbox), spec, &state->program) < 0 ||
        (state->program.end == ENC_FAKE_CAT &&
         !enc_buf_append(&state->program.out, spec->stdin_data, spec->stdin_len))) {
        run->sandbox->channel->run_end(run);
        return enc_fail_nomem(err, "sandbox.run");
    }
    schedule(state, 0);
    return 0;
}

static void fake_input(struct enc_run *run, const void *bytes, size_t len) {
    struct fake_run *state = run->channel_state;
    if (state->program.end != ENC_FAKE_CAT)
        return;
    enc_buf_append(&state->program.out, bytes, len);
    schedule(state, 0);
}

static void fake_input_end(struct enc_run *run) {
    struct fake_run *state = run->channel_state;
    state->input_open = false;
    if (state->program.end == ENC_FAKE_CAT)
        schedule(state, 0);
}

static void fake_pause(struct enc_run *run, bool paused) {
    struct fake_run *state = run->channel_state;
    state->paused = paused;
    if (!paused)
        schedule(state, 0);
}

static void fake_kill(struct enc_run *run) {
    struct fake_run *state = run->channel_state;
    if (state->program.end == ENC_FAKE_HANG)
        return;
    state->killed = true;
    schedule(state, 0);
}

static void fake_run_end(struct enc_run *run) {
    struct fake_run *state = ENC_STEAL(run->channel_state);
    if (!state)
        return;
    enc_timer_stop(run->sandbox->host->loop, &state->timer);
    enc_buf_free(&state->program.out);
    enc_buf_free(&state->program.err);
    free(state);
}

/* ---- files ------------------------------------------------------------------------ */

static void on_transfer(struct enc_timer *timer) {
    struct enc_transfer *transfer = ENC_CONTAINER_OF(timer, struct fake_transfer, timer)->transfer;
    struct enc_fake_sandbox *fake = fake_of(transfer->sandbox);
    struct enclave_error err;
    if (transfer->kind == ENC_GET_FILE) {
        struct enc_fake_file *file = enc_fake_find(fake, transfer->path);
        if (!file || file->kind == ENC_PUT_FOLDER) {
            enc_fail(&err, ENCLAVE_NOT_FOUND, "sandbox.get", "%.400s: no file", transfer->path);
            enc_transfer_done(transfer, &err);
        } else if (!enc_buf_append(&transfer->got, file->bytes.data, file->bytes.len)) {
            enc_fail_nomem(&err, "sandbox.get");
            enc_transfer_done(transfer, &err);
        } else {
            enc_transfer_done(transfer, NULL);
        }
    } else if (enc_fake_write(fake,
                              transfer->path,
                              transfer->kind,
                              transfer->mode,
                              transfer->bytes,
                              transfer->len) < 0) {
        enc_fail_nomem(&err, "sandbox.put");
        enc_transfer_done(transfer, &err);
    } else {
        enc_transfer_done(transfer, NULL);
    }
}

static int fake_transfer(struct enc_transfer *transfer, struct enclave_error *err) {
    struct fake_transfer *state = calloc(1, sizeof *state);
    if (!state)
        return enc_fail_nomem(err, "sandbox.transfer");
    state->transfer = transfer;
    state->timer.fire = on_transfer;
    if (enc_timer_start(transfer->sandbox->host->loop, &state->timer, 0) < 0) {
        free(state);
        return enc_fail_nomem(err, "sandbox.transfer");
    }
    transfer->channel_state = state;
    return 0;
}

static void fake_transfer_end(struct enc_transfer *transfer) {
    struct fake_transfer *state = ENC_STEAL(transfer->channel_state);
    if (!state)
        return;
    enc_timer_stop(transfer->sandbox->host->loop, &state->timer);
    free(state);
}

static void on_reset(struct enc_timer *timer) {
    struct enc_fake_sandbox *fake = ENC_CONTAINER_OF(timer, struct enc_fake_sandbox, timer);
    struct enc_fake_host *host = enc_fake_host_of(fake->sandbox);
    struct enclave_error err;
    if (host->resets++ < host->options.fail_resets) {
        enc_fail(&err, ENCLAVE_INTERNAL, "sandbox.reset", "a process could not be killed");
        enc_sandbox_was_reset(fake->sandbox, NULL, &err);
        return;
    }
    struct enc_reset_report report = {.ns = (uint64_t)(host->options.reset_ms * 1e6),
                                      .files = enc_fake_clear(fake)};
    enc_sandbox_was_reset(fake->sandbox, &report, NULL);
}

static int fake_reset(struct enc_sandbox *sandbox, struct enclave_error *err) {
    struct enc_fake_sandbox *fake = fake_of(sandbox);
    fake->timer.fire = on_reset;
    if (enc_timer_start(sandbox->host->loop,
                        &fake->timer,
                        enc_fake_in(enc_fake_host_of(sandbox)->options.reset_ms)) < 0)
        return enc_fail_nomem(err, "sandbox.reset");
    return 0;
}

static void fake_close(struct enc_sandbox *sandbox) {
    struct enc_fake_sandbox *fake = fake_of(sandbox);
    enc_timer_stop(sandbox->host->loop, &fake->timer);
    enc_fake_clear(fake);
}

const struct enc_channel enc_channel_fake = {
    .name = "fake",
    .run = fake_run,
    .run_input = fake_input,
    .run_input_end = fake_input_end,
    .run_pause = fake_pause,
    .run_kill = fake_kill,
    .run_end = fake_run_end,
    .transfer = fake_transfer,
    .transfer_end = fake_transfer_end,
    .reset = fake_reset,
    .close = fake_close,
};
