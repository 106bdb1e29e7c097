/* box_fixture.h - sandboxes on the real Docker Engine of DOCKER_HOST, with the image of
 * ENCLAVE_IMAGE, over the exec channel unless said otherwise. It fails when there is no engine. */
#ifndef ENC_BOX_FIXTURE_H
#define ENC_BOX_FIXTURE_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "docker.h"
#include "owner.h"
#include "sandbox.h"

static struct enc_loop *loop;
static struct enc_host *host;
static struct enc_docker *docker; /* to look behind the driver's back */
static const struct enc_log quiet = {.level = ENC_LOG_ERROR};

struct box {
    struct enc_sandbox *sandbox;
    bool ready, broken, gone;
    struct enclave_error err;
};

static inline void on_ready(void *data, struct enc_sandbox *sandbox) {
    struct box *box = data;
    assert_false(box->ready);
    (void)sandbox;
    box->ready = true;
}

static inline void on_broken(void *data,
                             struct enc_sandbox *sandbox,
                             const struct enclave_error *err) {
    struct box *box = data;
    assert_false(box->broken);
    (void)sandbox;
    box->broken = true;
    box->err = *err;
}

static inline void on_gone(void *data, struct enc_sandbox *sandbox) {
    struct box *box = data;
    assert_false(box->gone);
    (void)sandbox;
    box->gone = true;
    box->sandbox = NULL;
}

static const struct enc_sandbox_events box_events = {on_ready, on_broken, on_gone};

static inline void turn_until(const bool *flag) {
    enc_deadline limit = enc_deadline_in(120 * ENC_NS_PER_S);
    while (!*flag) {
        enc_loop_turn(loop, true);
        assert_true(enc_deadline_left(limit) > 0);
    }
}

static inline void idle_for(uint64_t ms) {
    enc_deadline until = enc_deadline_in(ms * ENC_NS_PER_MS);
    while (enc_deadline_left(until)) {
        enc_loop_turn(loop, false);
        usleep(1000);
    }
}

static inline struct enc_config *config_of(const char *fields) {
    struct enclave_error err = {0};
    const char *image = getenv("ENCLAVE_IMAGE");
    json_t *json = json_loads(fields, 0, NULL);
    assert_non_null(json);
    if (!json_object_get(json, "image"))
        json_object_set_new(
            json, "image", json_string(image && *image ? image : "enclave/python:3.11"));
    if (!json_object_get(json, "channel"))
        json_object_set_new(json, "channel", json_string("exec"));
    struct enc_config *config = enc_config_from_json(json, ENC_FOR_POOL, &err);
    json_decref(json);
    if (!config)
        fail_msg("%s", err.message);
    return config;
}

static inline void create(struct box *box, const char *fields) {
    struct enc_config *config = config_of(fields);
    *box = (struct box){0};
    box->sandbox = enc_sandbox_new(host, config, "test", &box_events, box, NULL);
    assert_non_null(box->sandbox);
    assert_false(box->ready || box->broken);
    enc_config_unref(config);
}

static inline void up(struct box *box, const char *fields) {
    create(box, fields);
    while (!box->ready && !box->broken)
        enc_loop_turn(loop, true);
    if (box->broken)
        fail_msg("%s", box->err.message);
}

static inline void down(struct box *box) {
    enc_sandbox_destroy(box->sandbox, NULL);
    turn_until(&box->gone);
}

struct ran {
    bool done;
    struct enc_run *run;
    enum enc_run_status status;
    int code, signal;
    char out[4096], errors[4096];
    uint64_t total;
    size_t len;
    struct enclave_error err;
};

static inline void keep(char *text, size_t size, const struct enc_run_output *output) {
    size_t len = output->bytes.len < size - 1 ? output->bytes.len : size - 1;
    if (len)
        memcpy(text, output->bytes.data, len);
    text[len] = '\0';
}

static inline void on_ran(void *data,
                          struct enc_run_result *result,
                          const struct enclave_error *err) {
    struct ran *ran = data;
    assert_false(ran->done);
    ran->done = true;
    ran->status = result->status;
    ran->code = result->exit_code;
    ran->signal = result->term_signal;
    ran->total = result->out.total;
    ran->len = result->out.bytes.len;
    keep(ran->out, sizeof ran->out, &result->out);
    keep(ran->errors, sizeof ran->errors, &result->err);
    if (err)
        ran->err = *err;
}

static const struct enc_run_events run_events = {.on_done = on_ran};

static inline void start(struct box *box,
                         struct ran *ran,
                         struct enc_run_spec spec,
                         double seconds) {
    struct enclave_error err = {0};
    *ran = (struct ran){0};
    spec.deadline = enc_deadline_in_seconds(seconds);
    ran->run = enc_run_start(box->sandbox, &spec, &run_events, ran, &err);
    if (!ran->run)
        fail_msg("%s", err.message);
    assert_false(ran->done);
}

static inline void run(struct box *box, struct ran *ran, struct enc_run_spec spec, double seconds) {
    start(box, ran, spec, seconds);
    turn_until(&ran->done);
}

static inline void shell(struct box *box, struct ran *ran, const char *script, double seconds) {
    const char *const argv[] = {"sh", "-c", script, NULL};
    run(box, ran, (struct enc_run_spec){.argv = argv}, seconds);
    assert_int_equal(ran->err.code, 0);
}

struct waited {
    bool done;
    struct enclave_error err;
    struct enc_buf got;
    struct enc_reset_report report;
};

static inline void on_moved(void *data,
                            struct enc_transfer *transfer,
                            const struct enclave_error *err) {
    struct waited *waited = data;
    waited->done = true;
    waited->got = enc_buf_steal(&transfer->got);
    if (err)
        waited->err = *err;
}

static inline void on_reset(void *data,
                            const struct enc_reset_report *report,
                            const struct enclave_error *err) {
    struct waited *waited = data;
    waited->done = true;
    if (report)
        waited->report = *report;
    if (err)
        waited->err = *err;
}

static inline void on_prepared(void *data, const struct enclave_error *err) {
    struct waited *waited = data;
    waited->done = true;
    if (err)
        waited->err = *err;
}

static inline void reset(struct box *box, struct waited *waited) {
    *waited = (struct waited){0};
    assert_int_equal(enc_sandbox_reset(box->sandbox, on_reset, waited, NULL), 0);
    turn_until(&waited->done);
}

static inline struct waited put(
    struct box *box, enum enc_transfer_kind kind, const char *path, const void *bytes, size_t len) {
    struct waited waited = {0};
    assert_non_null(enc_sandbox_put(box->sandbox,
                                    kind,
                                    path,
                                    0,
                                    bytes,
                                    len,
                                    enc_deadline_in(60 * ENC_NS_PER_S),
                                    on_moved,
                                    &waited,
                                    NULL));
    turn_until(&waited.done);
    return waited;
}

static inline struct waited get(struct box *box, const char *path, size_t max) {
    struct waited waited = {0};
    assert_non_null(enc_sandbox_get(
        box->sandbox, path, max, enc_deadline_in(60 * ENC_NS_PER_S), on_moved, &waited, NULL));
    turn_until(&waited.done);
    return waited;
}

static inline struct waited prepare(const char *fields) {
    struct waited waited = {0};
    struct enc_config *config = config_of(fields);
    struct enclave_error err = {0};
    assert_non_null(host->driver->prepare(host, config, NULL, on_prepared, &waited, &err));
    enc_config_unref(config);
    turn_until(&waited.done);
    return waited;
}

static inline int set_up(void **state) {
    (void)state;
    char owner[40];
    loop = enc_loop_new(NULL, NULL);
    docker = enc_docker_from_env(loop, NULL, NULL);
    if (!loop || !docker)
        return -1;
    enc_owner_make(owner);
    host = enc_driver_docker.open(loop, &quiet, owner, NULL, NULL);
    if (!host)
        return -1;
    struct waited waited = prepare("{}");
    if (waited.err.code)
        print_error("%s\n", waited.err.message);
    return waited.err.code ? -1 : 0;
}

static inline int tear_down(void **state) {
    (void)state;
    host->driver->close(host);
    enc_docker_free(docker);
    assert_int_equal(enc_loop_operations(loop), 0);
    enc_loop_free(loop);
    return 0;
}

#endif
