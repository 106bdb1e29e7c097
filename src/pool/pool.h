/* pool.h - a warm pool of sandboxes: a FIFO of idle ones, a FIFO of waiters with
 * deadlines, healing, recycling, statistics. Pure bookkeeping over a driver: it
 * knows no Docker, no Lua and no tool. Every operation is O(1) or O(log n). */
#ifndef ENC_POOL_H
#define ENC_POOL_H

#include <jansson.h>

#include "sandbox.h"

struct enc_pool;

struct enc_pool_options {
    const char *name;     /* "default" */
    unsigned size;        /* kept warm; 0: grows on demand from nothing */
    unsigned max_size;    /* at most; 0: the same as size (or 1 when that is 0) */
    unsigned max_waiters; /* one more is EXHAUSTED at once; 0: 100,000 */
    unsigned max_uses;    /* replaced after so many borrowers; 0: never */
    double max_age;       /* seconds; replaced when it comes back older; 0: never */
    double idle_ttl;      /* seconds; what was not needed for so long, above size, goes; 0: 60 */
    unsigned parallel;    /* creations at once; 0: twice the processors, 4 to 16 */
};

/* Options from JSON: { name, size, max_size, … }; unknown names are misuse. The name
 * points into json. */
int enc_pool_options_from_json(struct enc_pool_options *options,
                               json_t *json,
                               struct enclave_error *err);

/* The owner's hooks; each may be NULL. */
struct enc_pool_hooks {
    /* A new sandbox is up. The owner runs what it wants inside and then calls
     * enc_pool_admit. Without this hook it is admitted at once. */
    void (*created)(void *data, struct enc_pool *pool, struct enc_sandbox *sandbox);
    /* It is about to be destroyed (reason: "lost", "max_uses", "closed" …) and may
     * still work unless it is lost. The owner calls enc_pool_discard when it has
     * said goodbye, at the latest after a few seconds. Without this hook it goes at once. */
    void (*retiring)(void *data,
                     struct enc_pool *pool,
                     struct enc_sandbox *sandbox,
                     const char *reason);
};

struct enc_pool *enc_pool_new(struct enc_host *host,
                              struct enc_config *config,
                              const struct enc_pool_options *options,
                              const struct enc_pool_hooks *hooks,
                              void *data,
                              struct enclave_error *err);

/* Prepares the driver and fills the pool to its size. done comes once, when each of
 * the first size creations has succeeded or failed: err is NULL when all came up; else
 * it says how many did and why the others did not, and the pool keeps trying, with
 * back-off. With none up, and the cause one that trying again cannot mend (INVALID,
 * NOT_FOUND, a missing image), the pool is left empty. Once per pool. */
void enc_pool_warm(struct enc_pool *pool,
                   enc_progress *progress,
                   void (*done)(void *data, unsigned up, const struct enclave_error *err),
                   void *data);
void enc_pool_warm_cancel(struct enc_pool *pool);

/* A place in the queue; embedded in its owner, zero-initialised. */
struct enc_waiter {
    struct enc_list in_queue;
    struct enc_timer timer;
    struct enc_pool *pool;
    uint64_t since_ns;
    /* Once, later: a sandbox that is now busy and the caller's, or err (TIMEOUT,
     * CANCELLED when the pool closes, UNAVAILABLE…). */
    void (*done)(struct enc_waiter *waiter,
                 struct enc_sandbox *sandbox,
                 const struct enclave_error *err);
};

/* When sandboxes cannot be made (Docker is down, the image is missing), waiters keep
 * waiting until their deadlines, and the pool heals by itself: it tries again after 0.1 s
 * that double up to 10 s. Only when nothing is up and nothing is being made they are told the
 * cause at once, with its code: if it is one that trying again cannot mend (INVALID,
 * NOT_FOUND, Docker's 4xx), or if the pool has never had a sandbox. The next acquire then
 * makes it try again.
 *
 * Borrows. 1: *sandbox is the caller's now. 0: queued, done will be called. -1: err
 * (EXHAUSTED, CLOSED; TIMEOUT at once when the deadline has passed and none is idle).
 * Nobody overtakes: an idle sandbox is given at once only when no one waits. */
int enc_pool_acquire(struct enc_pool *pool,
                     enc_deadline deadline,
                     struct enc_waiter *waiter,
                     struct enc_sandbox **sandbox,
                     struct enclave_error *err);

/* Leaves the queue; done is not called. Harmless when it is in none. */
void enc_waiter_cancel(struct enc_waiter *waiter);

/* Gives a borrowed sandbox back, once, also when it has died meanwhile: until then the
 * pointer is good. A second release is refused with a line in the log. retire: NULL
 * to have it cleaned as the pool's reuse says and offered again, or the reason why it
 * must not be used again ("hook", "timeout" …). */
void enc_pool_release(struct enc_pool *pool, struct enc_sandbox *sandbox, const char *retire);

/* Answers of the owner to its hooks, for the sandbox with this id, which may have gone
 * meanwhile. admit: err says why it may not be used. */
void enc_pool_admit(struct enc_pool *pool, const char *id, const struct enclave_error *err);
void enc_pool_discard(struct enc_pool *pool, const char *id);

/* NULL: it has gone. */
struct enc_sandbox *enc_pool_find(struct enc_pool *pool, const char *id);

/* Counts of a finished call, for the histograms. */
void enc_pool_ran(struct enc_pool *pool, uint64_t run_ns);

/* Once. Waiters get CANCELLED, sandboxes are destroyed, also borrowed ones (their runs end
 * with CANCELLED). done comes when the last is gone; borrowed sandboxes must not be
 * released after that (their pointers are dead). */
void enc_pool_close(struct enc_pool *pool, void (*done)(void *data), void *data);

/* After close has ended. */
void enc_pool_free(struct enc_pool *pool);

struct enc_config *enc_pool_config(const struct enc_pool *pool);
struct enc_list *enc_pool_sandboxes(struct enc_pool *pool); /* of enc_sandbox, in_owner */

/* A new object:
 * { name, pool_size, max_size, total, idle, busy, waiting, creating, resetting, retiring,
 *   totals: { borrowed, returned, timeouts, cancelled, exhausted, refused, created,
 *             create_failed, resets, reset_failed, retired: { reason: n },
 *             found: { processes, files, ipc } (what resets removed),
 *             isolation: { namespaces, reset, container } (how many runs had which) },
 *   wait|run|reset|create: { count, mean, p50, p90, p99, max } in seconds } */
json_t *enc_pool_stats(const struct enc_pool *pool);

/* { wait|run|reset|create: { sum (seconds), count, at_most: [n, …] } }: how many took at most
 * each of the bounds (ns, ascending). A new object. */
json_t *enc_pool_histograms(const struct enc_pool *pool, const uint64_t *bounds, size_t count);

#endif
