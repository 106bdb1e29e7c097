/* engine.h - what a program has one or several of: a loop, opened drivers, pools and
 * sandboxes of their own, and the order in which all of that is closed. One engine is
 * one thread. Uses pool, sandbox, loop. */
#ifndef ENC_ENGINE_H
#define ENC_ENGINE_H

#include "pool.h"

struct enc_engine;

struct enc_engine_options {
    uv_loop_t *loop; /* the host program's, or NULL */
    struct enc_log log;
};

struct enc_engine *enc_engine_new(const struct enc_engine_options *options,
                                  struct enclave_error *err);
struct enc_loop *enc_engine_loop(struct enc_engine *engine);
struct enc_log *enc_engine_log(struct enc_engine *engine);

/* The opened driver of this name and these options (JSON text compares them); opened on
 * first use, kept until the engine closes. */
struct enc_host *enc_engine_host(struct enc_engine *engine,
                                 const char *driver,
                                 json_t *options,
                                 struct enclave_error *err);

/* Pools and sandboxes that are not of a pool say so here, so that closing finds them. A pool
 * leaves by itself when it is freed through the engine. */
struct enc_pool *enc_engine_pool(struct enc_engine *engine,
                                 struct enc_host *host,
                                 struct enc_config *config,
                                 const struct enc_pool_options *options,
                                 const struct enc_pool_hooks *hooks,
                                 void *data,
                                 struct enclave_error *err);
/* Closes it, then frees it, then done (may be NULL). */
void enc_engine_pool_close(struct enc_engine *engine,
                           struct enc_pool *pool,
                           void (*done)(void *data),
                           void *data);

/* A sandbox of its own: prepares the driver, creates it, done once it is ready or not. When it
 * dies later it is removed by itself; enc_engine_sandbox_on_gone tells. */
struct enc_creation;
struct enc_creation *enc_engine_sandbox(struct enc_engine *engine,
                                        struct enc_host *host,
                                        struct enc_config *config,
                                        enc_progress *progress,
                                        void (*done)(void *data,
                                                     struct enc_sandbox *sandbox,
                                                     const struct enclave_error *err),
                                        void *data,
                                        struct enclave_error *err);
/* done is not called; what was made is removed. */
void enc_creation_cancel(struct enc_creation *creation);

/* Watches the life of a sandbox that enc_engine_sandbox made: called once, just before
 * its pointer becomes invalid. One watcher: a second call takes the place of the first,
 * NULL ends it. */
void enc_engine_sandbox_on_gone(struct enc_engine *engine,
                                struct enc_sandbox *sandbox,
                                void (*on_gone)(void *data),
                                void *data);
/* Removes it; done (may be NULL) when it is gone. */
void enc_engine_sandbox_remove(struct enc_engine *engine,
                               struct enc_sandbox *sandbox,
                               void (*done)(void *data),
                               void *data);

/* Closes every pool and sandbox, in parallel; done (may be NULL) when the last is gone.
 * Refuses new ones at once; creations under way end with CANCELLED. */
void enc_engine_close(struct enc_engine *engine, void (*done)(void *data), void *data);

/* As enc_engine_close, turning the loop for at most limit; then frees everything, with
 * a log line for what could not be removed. Not from a callback of the loop. */
void enc_engine_free(struct enc_engine *engine, enc_deadline limit);

#endif
