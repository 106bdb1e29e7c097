#include <stdlib.h>

#include "engine_inside.h"

/* A sandbox that is not of a pool. */
struct single {
    struct enc_engine *engine;
    struct enc_list in_engine;
    struct enc_sandbox *sandbox;
    struct enc_creation *creation; /* NULL: it is up, or nobody waits for it */
    void (*on_gone)(void *data);
    void *data;
    struct enc_list endings;
};

struct enc_creation {
    struct enc_engine *engine;
    struct enc_list in_engine;
    struct enc_host *host;
    struct enc_config *config;
    struct enc_prepare *prepare; /* NULL: it is over */
    struct single *single;       /* NULL: not yet */
    enc_progress *progress;
    void (*done)(void *data, struct enc_sandbox *sandbox, const struct enclave_error *err);
    void *data;
};

/* Leaves everything that it holds, but for what it made. */
static void creation_free(struct enc_creation *creation) {
    if (creation->prepare)
        creation->host->driver->prepare_cancel(creation->prepare);
    if (creation->single)
        creation->single->creation = NULL;
    enc_list_remove(&creation->in_engine);
    enc_config_unref(creation->config);
    free(creation);
}

static void end(struct enc_creation *creation,
                struct enc_sandbox *sandbox,
                const struct enclave_error *err) {
    struct enc_creation copy = *creation;
    creation_free(creation);
    copy.done(copy.data, sandbox, err);
    enc_engine_settle(copy.engine);
}

/* ---- the life of the sandbox ---------------------------------------------------------- */

static void on_ready(void *data, struct enc_sandbox *sandbox) {
    struct single *single = data;
    if (single->creation)
        end(single->creation, sandbox, NULL);
}

static void on_broken(void *data, struct enc_sandbox *sandbox, const struct enclave_error *err) {
    struct single *single = data;
    enc_sandbox_destroy(sandbox, err);
    if (single->creation)
        end(single->creation, NULL, err);
}

static void on_gone(void *data, struct enc_sandbox *sandbox) {
    struct single *single = data;
    struct enc_engine *engine = single->engine;
    struct enc_list endings;
    enc_list_remove(&sandbox->in_owner);
    enc_list_remove(&single->in_engine);
    if (single->creation)
        single->creation->single = NULL;
    if (single->on_gone)
        single->on_gone(single->data);
    enc_endings_take(&single->endings, &endings);
    free(single);
    enc_endings_call(&endings);
    enc_engine_settle(engine);
}

static const struct enc_sandbox_events events = {on_ready, on_broken, on_gone};

void enc_engine_sandbox_on_gone(struct enc_engine *engine,
                                struct enc_sandbox *sandbox,
                                void (*callback)(void *data),
                                void *data) {
    struct single *single = sandbox->data;
    (void)engine;
    single->on_gone = callback;
    single->data = data;
}

void enc_engine_sandbox_remove(struct enc_engine *engine,
                               struct enc_sandbox *sandbox,
                               void (*done)(void *data),
                               void *data) {
    struct single *single = sandbox->data;
    if (enc_ending_add(&single->endings, done, data) < 0)
        enc_log(&engine->log, ENC_LOG_ERROR, "no memory to wait for the end of a sandbox");
    enc_sandbox_destroy(sandbox, NULL);
}

void enc_engine_close_sandboxes(struct enc_engine *engine) {
    struct enclave_error err;
    enc_fail(&err, ENCLAVE_CANCELLED, "engine", "the engine was closed");
    ENC_LIST_FOR_EACH(at, &engine->singles)
    enc_sandbox_destroy(ENC_CONTAINER_OF(at, struct single, in_engine)->sandbox, &err);
}

/* ---- creating ------------------------------------------------------------------------- */

static void on_prepared(void *data, const struct enclave_error *err) {
    struct enc_creation *creation = data;
    struct enclave_error failed;
    creation->prepare = NULL;
    if (err) {
        end(creation, NULL, err);
        return;
    }
    struct single *single = calloc(1, sizeof *single);
    if (!single) {
        enc_fail_nomem(&failed, "sandbox.create");
        end(creation, NULL, &failed);
        return;
    }
    single->engine = creation->engine;
    enc_list_init(&single->endings);
    enc_list_init(&single->in_engine);
    single->sandbox =
        enc_sandbox_new(creation->host, creation->config, NULL, &events, single, &failed);
    if (!single->sandbox) {
        free(single);
        end(creation, NULL, &failed);
        return;
    }
    enc_list_push_back(&creation->engine->singles, &single->in_engine);
    single->creation = creation;
    creation->single = single;
}

static void on_progress(
    void *data, const char *what, const char *part, long long current, long long total) {
    struct enc_creation *creation = data;
    if (creation->progress)
        creation->progress(creation->data, what, part, current, total);
}

struct enc_creation *enc_engine_sandbox(struct enc_engine *engine,
                                        struct enc_host *host,
                                        struct enc_config *config,
                                        enc_progress *progress,
                                        void (*done)(void *data,
                                                     struct enc_sandbox *sandbox,
                                                     const struct enclave_error *err),
                                        void *data,
                                        struct enclave_error *err) {
    if (engine->closing) {
        enc_fail(err, ENCLAVE_CLOSED, "sandbox.create", "the engine is closed");
        return NULL;
    }
    struct enc_creation *creation = calloc(1, sizeof *creation);
    if (!creation) {
        enc_fail_nomem(err, "sandbox.create");
        return NULL;
    }
    creation->engine = engine;
    creation->host = host;
    creation->config = enc_config_ref(config);
    creation->progress = progress;
    creation->done = done;
    creation->data = data;
    enc_list_push_back(&engine->creations, &creation->in_engine);
    creation->prepare =
        host->driver->prepare(host, config, on_progress, on_prepared, creation, err);
    if (!creation->prepare) {
        creation_free(creation);
        return NULL;
    }
    return creation;
}

void enc_creation_cancel(struct enc_creation *creation) {
    struct enc_sandbox *sandbox = creation->single ? creation->single->sandbox : NULL;
    creation_free(creation);
    if (sandbox)
        enc_sandbox_destroy(sandbox, NULL);
}

void enc_engine_cancel_creations(struct enc_engine *engine) {
    struct enclave_error err;
    enc_fail(&err, ENCLAVE_CANCELLED, "sandbox.create", "the engine was closed");
    while (!enc_list_empty(&engine->creations))
        end(ENC_CONTAINER_OF(engine->creations.next, struct enc_creation, in_engine), NULL, &err);
}
