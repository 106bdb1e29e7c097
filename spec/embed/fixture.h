/* fixture.h - an engine with a pool of the fake driver, and a thread that calls it. */
#ifndef ENC_EMBED_FIXTURE_H
#define ENC_EMBED_FIXTURE_H

#include <enclave/enclave.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#define FAKE "\"sandbox_type\": \"fake\""

/* NULL: err. For threads of a test, where nothing may be asserted. */
static inline struct enclave *try_engine(const char *manager,
                                         uv_loop_t *loop,
                                         const char *size,
                                         struct enclave_error *err) {
    struct enclave_options options;
    char pool[200];
    ENCLAVE_OPTIONS_INIT(&options);
    options.manager = manager;
    options.loop = loop;
    struct enclave *engine = enclave_open(&options, err);
    if (!engine)
        return NULL;
    snprintf(pool, sizeof pool, "{\"pool_size\": %s, " FAKE "}", size);
    char *ids = enclave_initialize_pool(engine, pool, err);
    if (!ids) {
        enclave_close(engine);
        return NULL;
    }
    enclave_free(ids);
    return engine;
}

static inline struct enclave *engine_with_pool(const char *manager,
                                               uv_loop_t *loop,
                                               const char *size) {
    struct enclave_error err;
    struct enclave *engine = try_engine(manager, loop, size, &err);
    if (!engine)
        fail_msg("%s: %s", err.op, err.message);
    return engine;
}

#define THREADS 8
#define CALLS   40

struct tally {
    struct enclave *engine;
    atomic_int good, cancelled, other;
};

static inline void count(void *data, const char *json, const struct enclave_error *err) {
    struct tally *tally = data;
    if (json && strstr(json, "\"status\":\"success\""))
        tally->good++;
    else if (err && err->code == ENCLAVE_CANCELLED)
        tally->cancelled++;
    else
        tally->other++;
}

static inline void *submit_many(void *data) {
    struct tally *tally = data;
    for (int i = 0; i < CALLS; i++) {
        struct enclave_error err;
        char parameters[64], expected[64];
        snprintf(parameters, sizeof parameters, "{\"code\": \"print(%d)\"}", i);
        snprintf(expected, sizeof expected, "\"output\":\"%d\\n\"", i);
        if (i % 2) {
            char *json = enclave_execute(tally->engine, "python_executor", parameters, NULL, &err);
            if (json && strstr(json, expected))
                tally->good++;
            else
                tally->other++;
            enclave_free(json);
            continue;
        }
        uint64_t call = enclave_execute_start(
            tally->engine, "python_executor", parameters, NULL, count, tally, &err);
        if (!call)
            tally->other++;
        else if (i % 4 == 0)
            enclave_cancel(tally->engine, call); /* at any point of its life */
    }
    return NULL;
}

#endif
