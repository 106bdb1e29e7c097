/* pool_fixture.h - a pool on the fake driver, callers who want its sandboxes, and checks
 * that hold at any time. */
#ifndef ENC_POOL_FIXTURE_H
#define ENC_POOL_FIXTURE_H

#include "cleanup.h"
#include "fixture.h"
#include "pool.h"

struct pool_fixture {
    struct fixture f;
    struct enc_pool *pool;
    bool closed;
    unsigned warmed, up;
    bool warm_failed;
    struct enclave_error warm_err;
};

static inline void pool_open(struct pool_fixture *p,
                             const char *driver,
                             const char *config,
                             const char *options,
                             const struct enc_pool_hooks *hooks) {
    struct enclave_error err = {0};
    struct enc_pool_options read;
    *p = (struct pool_fixture){0};
    fixture_open(&p->f, driver, config);
    json_t *json = json_of(options);
    if (enc_pool_options_from_json(&read, json, &err) < 0)
        fail_msg("options: %s", err.message);
    p->pool = enc_pool_new(p->f.host, p->f.config, &read, hooks, p, &err);
    json_decref(json);
    if (!p->pool)
        fail_msg("pool: %s", err.message);
}

static inline void on_warm(void *data, unsigned up, const struct enclave_error *err) {
    struct pool_fixture *p = data;
    p->warmed++;
    p->up = up;
    p->warm_failed = err != NULL;
    if (err)
        p->warm_err = *err;
}

static inline void pool_warm(struct pool_fixture *p) {
    enc_pool_warm(p->pool, NULL, on_warm, p);
    assert_int_equal(p->warmed, 0);
    UNTIL(p->f.loop, p->warmed);
    assert_int_equal(p->warmed, 1);
}

/* Opened and warm. */
static inline void pool_up(struct pool_fixture *p,
                           const char *driver,
                           const char *config,
                           const char *options) {
    pool_open(p, driver, config, options, NULL);
    pool_warm(p);
}

static inline void on_pool_closed(void *data) {
    ((struct pool_fixture *)data)->closed = true;
}

static inline void pool_close(struct pool_fixture *p) {
    if (!p->closed) {
        enc_pool_close(p->pool, on_pool_closed, p);
        UNTIL(p->f.loop, p->closed);
    }
    assert_true(enc_list_empty(enc_pool_sandboxes(p->pool)));
    enc_pool_free(p->pool);
    fixture_close(&p->f);
}

/* A number of the statistics: "idle", "totals.borrowed", "totals.retired.lost". */
static inline json_int_t stat_of(const struct pool_fixture *p, const char *path) {
    char copy[64], *save, *part;
    json_t *stats = enc_pool_stats(p->pool), *at = stats;
    assert_non_null(stats);
    strcpy(copy, path);
    for (part = strtok_r(copy, ".", &save); part; part = strtok_r(NULL, ".", &save))
        at = json_object_get(at, part);
    json_int_t value = json_integer_value(at);
    json_decref(stats);
    return value;
}

/* Nothing is lost and nothing doubled: each sandbox that was made is in one place. */
static inline void check_sums(const struct pool_fixture *p) {
    json_t *stats = enc_pool_stats(p->pool), *value;
    const char *name;
    json_int_t retired = 0, idle, busy, resetting, creating, total, created, borrowed, returned;
    json_int_t max;
    json_t *reasons;
    assert_int_equal(json_unpack(stats,
                                 "{s:I, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:o}}",
                                 "idle",
                                 &idle,
                                 "busy",
                                 &busy,
                                 "resetting",
                                 &resetting,
                                 "creating",
                                 &creating,
                                 "total",
                                 &total,
                                 "max_size",
                                 &max,
                                 "totals",
                                 "created",
                                 &created,
                                 "borrowed",
                                 &borrowed,
                                 "returned",
                                 &returned,
                                 "retired",
                                 &reasons),
                     0);
    json_object_foreach(reasons, name, value) retired += json_integer_value(value);
    assert_int_equal(total, idle + busy + resetting + creating);
    assert_int_equal(created, idle + busy + resetting + retired);
    assert_int_equal(borrowed, returned + busy);
    assert_true(total <= max || stat_of(p, "totals.retired.lost") > 0);
    json_decref(stats);
}

/* Someone who wants a sandbox. */
struct caller {
    struct enc_waiter waiter;
    struct pool_fixture *p;
    unsigned calls;
    struct enc_sandbox *sandbox;
    enum enclave_code code; /* OK while nothing has failed */
    char message[256];
    unsigned turn; /* the how-manieth to be served */
};

static inline void on_acquired(struct enc_waiter *waiter,
                               struct enc_sandbox *sandbox,
                               const struct enclave_error *err) {
    struct caller *caller = ENC_CONTAINER_OF(waiter, struct caller, waiter);
    caller->calls++;
    assert_true((sandbox == NULL) != (err == NULL));
    caller->sandbox = sandbox;
    caller->code = err ? err->code : ENCLAVE_OK;
    if (err)
        snprintf(caller->message, sizeof caller->message, "%.255s", err->message);
}

/* 1: has it. 0: waits. -1: failed, see code. */
static inline int want(struct pool_fixture *p, struct caller *caller, double seconds) {
    struct enclave_error err = {0};
    *caller = (struct caller){.p = p, .waiter.done = on_acquired};
    enc_deadline deadline = seconds < 0 ? ENC_NEVER : enc_deadline_in_seconds(seconds);
    int got = enc_pool_acquire(p->pool, deadline, &caller->waiter, &caller->sandbox, &err);
    if (got < 0) {
        caller->code = err.code;
        snprintf(caller->message, sizeof caller->message, "%.255s", err.message);
    }
    return got;
}

/* Gets one, whatever it takes. */
static inline void take(struct pool_fixture *p, struct caller *caller) {
    int got = want(p, caller, -1);
    assert_true(got >= 0);
    UNTIL(p->f.loop, got == 1 || caller->calls);
    if (!caller->sandbox)
        fail_msg("%s", caller->message);
    assert_int_equal(caller->sandbox->state, ENC_SANDBOX_BUSY);
}

/* A warm pool whose only sandbox this caller has. */
static inline void pool_of_one(struct pool_fixture *p, struct caller *caller) {
    pool_up(p, NULL, NULL, "{\"size\":1}");
    take(p, caller);
}

static inline void give(struct caller *caller) {
    enc_pool_release(caller->p->pool, ENC_STEAL(caller->sandbox), NULL);
}

static inline void kill_sandbox(struct enc_sandbox *sandbox) {
    struct enclave_error err;
    enc_fail(&err, ENCLAVE_LOST, "test", "the test killed it");
    enc_sandbox_broken(sandbox, &err);
}

/* The sandbox of the pool that is in this state; NULL: none is. */
static inline struct enc_sandbox *find_state(struct pool_fixture *p, enum enc_sandbox_state state) {
    ENC_LIST_FOR_EACH(at, enc_pool_sandboxes(p->pool)) {
        struct enc_sandbox *sandbox = ENC_CONTAINER_OF(at, struct enc_sandbox, in_owner);
        if (sandbox->state == state)
            return sandbox;
    }
    return NULL;
}

#endif
