/* fixture.h - what the tests of sandbox, pool and engine share: a loop, the fake driver
 * with options, turning the loop until something is so. */
#ifndef ENC_FIXTURE_H
#define ENC_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox.h"

#define SECONDS(n) ((uint64_t)((n)*1e9))

/* Turns the loop until condition holds; a minute is far more than any test needs. */
#define UNTIL(the_loop, condition)                                                                 \
    do {                                                                                           \
        enc_deadline until_ = enc_deadline_in(SECONDS(60));                                        \
        while (!(condition)) {                                                                     \
            if (enc_now() > until_)                                                                \
                fail_msg("never: %s", #condition);                                                 \
            turn_a_while(the_loop);                                                                \
        }                                                                                          \
    } while (0)

static inline void nothing(struct enc_timer *timer) {
    (void)timer;
}

/* Waits for an event, at most 20 ms, also when nothing at all is pending. */
static inline void turn_a_while(struct enc_loop *loop) {
    struct enc_timer alarm = {.fire = nothing};
    assert_int_equal(enc_timer_start(loop, &alarm, enc_deadline_in(20 * ENC_NS_PER_MS)), 0);
    enc_loop_turn(loop, true);
    enc_timer_stop(loop, &alarm);
}

/* Turns it for so long. */
static inline void turn_for(struct enc_loop *loop, uint64_t ns) {
    enc_deadline until = enc_deadline_in(ns);
    while (enc_now() < until)
        turn_a_while(loop);
}

static inline json_t *json_of(const char *text) {
    json_error_t error;
    json_t *json = text ? json_loads(text, JSON_DECODE_ANY, &error) : NULL;
    if (text && !json)
        fail_msg("bad JSON in the test: %s: %s", text, error.text);
    return json;
}

static inline struct enc_config *config_of(const char *text, enum enc_config_for use) {
    struct enclave_error err = {0};
    json_t *json = json_of(text);
    struct enc_config *config = enc_config_from_json(json, use, &err);
    json_decref(json);
    if (!config)
        fail_msg("config %s: %s", text ? text : "(none)", err.message);
    return config;
}

struct fixture {
    struct enc_loop *loop;
    struct enc_log log;
    struct enc_host *host;
    struct enc_config *config;
};

static inline void quiet(void *data, enum enc_log_level level, const char *line) {
    (void)data, (void)level, (void)line;
}

static inline void fixture_open(struct fixture *f, const char *driver, const char *config) {
    struct enclave_error err = {0};
    *f = (struct fixture){.log = {.level = ENC_LOG_DEBUG, .write = quiet}};
    f->loop = enc_loop_new(NULL, &err);
    assert_non_null(f->loop);
    json_t *options = json_of(driver);
    f->host = enc_driver_fake.open(f->loop, &f->log, "test-1-1", options, &err);
    json_decref(options);
    if (!f->host)
        fail_msg("driver: %s", err.message);
    f->config = config_of(config, ENC_FOR_POOL);
}

static inline void fixture_close(struct fixture *f) {
    assert_int_equal(enc_loop_operations(f->loop), 0);
    enc_config_unref(f->config);
    enc_driver_fake.close(f->host);
    enc_loop_free(f->loop);
}

#endif
