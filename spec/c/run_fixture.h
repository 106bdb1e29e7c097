/* run_fixture.h - a sandbox on the fake driver, programs in it, and a caller who notes what
 * comes of them. */
#ifndef ENC_RUN_FIXTURE_H
#define ENC_RUN_FIXTURE_H

#include "fixture.h"

struct caller {
    unsigned done, outputs;
    bool failed;
    struct enclave_error err;
    struct enc_run_result result;
    struct enc_run *run;
    /* what on_output does */
    bool drop, cancel, destroy;
    struct enc_run *drop_when_done;
};

static inline void on_output(void *data, enum enc_stream_id stream, const char *bytes, size_t len) {
    struct caller *caller = data;
    (void)stream, (void)bytes, (void)len;
    caller->outputs++;
    if (caller->drop)
        enc_run_drop(caller->run);
    if (caller->cancel)
        enc_run_cancel(caller->run);
    if (caller->destroy)
        enc_sandbox_destroy(caller->run->sandbox, NULL);
}

static inline void on_done(void *data,
                           struct enc_run_result *result,
                           const struct enclave_error *err) {
    struct caller *caller = data;
    caller->done++;
    caller->failed = err != NULL;
    if (err)
        caller->err = *err;
    caller->result = *result;
    caller->result.out.bytes = enc_buf_steal(&result->out.bytes);
    caller->result.err.bytes = enc_buf_steal(&result->err.bytes);
    if (caller->drop_when_done)
        enc_run_drop(caller->drop_when_done);
    enc_run_drop(caller->run); /* these must be harmless here */
    enc_run_cancel(caller->run);
    caller->run = NULL;
}

static const struct enc_run_events events = {on_output, on_done};

static inline void forget(struct caller *caller) {
    enc_buf_free(&caller->result.out.bytes);
    enc_buf_free(&caller->result.err.bytes);
    *caller = (struct caller){0};
}

/* ---- the sandbox around them ------------------------------------------------------ */

struct box {
    struct fixture f;
    struct enc_sandbox *sandbox;
    bool ready, broken, gone;
};

static inline void on_ready(void *data, struct enc_sandbox *sandbox) {
    (void)sandbox;
    ((struct box *)data)->ready = true;
}
static inline void on_broken(void *data,
                             struct enc_sandbox *sandbox,
                             const struct enclave_error *err) {
    (void)sandbox, (void)err;
    ((struct box *)data)->broken = true;
}
static inline void on_gone(void *data, struct enc_sandbox *sandbox) {
    (void)sandbox;
    ((struct box *)data)->gone = true;
}
static const struct enc_sandbox_events box_events = {on_ready, on_broken, on_gone};

static inline void box_open(struct box *box, const char *config) {
    struct enclave_error err;
    *box = (struct box){0};
    fixture_open(&box->f, NULL, config);
    box->sandbox = enc_sandbox_new(box->f.host, box->f.config, NULL, &box_events, box, &err);
    assert_non_null(box->sandbox);
    UNTIL(box->f.loop, box->ready);
    assert_int_equal(box->sandbox->state, ENC_SANDBOX_RUNNING);
}

static inline void box_close(struct box *box) {
    enc_sandbox_destroy(box->sandbox, NULL);
    UNTIL(box->f.loop, box->gone);
    fixture_close(&box->f);
}

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline void start_spec(struct box *box,
                              struct caller *caller,
                              const struct enc_run_spec *spec) {
    struct enclave_error err;
    caller->run = enc_run_start(box->sandbox, spec, &events, caller, &err);
    if (!caller->run)
        fail_msg("%s", err.message);
    assert_int_equal(caller->done + caller->outputs, 0);
}

static inline void start(struct box *box, struct caller *caller, const char *const *argv) {
    start_spec(box, caller, &(struct enc_run_spec){.argv = argv, .deadline = ENC_NEVER});
}

#endif
