#include "pool_inside.h"

#define RETRY_FIRST  (100 * ENC_NS_PER_MS)
#define RETRY_LONG   (4 * ENC_NS_PER_S)
#define RETRY_FORGET (30 * ENC_NS_PER_S) /* without a failure for so long, all is well */

/* Trying again cannot mend it. */
static bool is_permanent(const struct enclave_error *err) {
    if (err->code == ENCLAVE_DOCKER)
        return err->http_status >= 400 && err->http_status < 500 && err->http_status != 408 &&
               err->http_status != 409 && err->http_status != 429;
    return err->code == ENCLAVE_INVALID || err->code == ENCLAVE_NOT_FOUND;
}

/* Between a half and all of ns, so that many pools do not try in step. */
static uint64_t jitter(struct enc_pool *pool, uint64_t ns) {
    pool->random ^= pool->random << 13;
    pool->random ^= pool->random >> 7;
    pool->random ^= pool->random << 17;
    return ns / 2 + pool->random % (ns / 2);
}

void enc_pool_failed(struct enc_pool *pool, const struct enclave_error *err) {
    uint64_t now = enc_now(), delay = RETRY_FIRST;
    if (pool->closing)
        return;
    if (now - pool->failed_ns > RETRY_FORGET)
        pool->failures = 0;
    pool->failed_ns = now;
    if (!pool->retry.slot) { /* several failures of one attempt count once */
        for (unsigned i = 0; i < pool->failures && delay < RETRY_LONG; i++)
            delay *= 2;
        pool->failures++;
        delay = delay < RETRY_LONG ? delay : RETRY_LONG;
        enc_timer_start(pool->loop, &pool->retry, enc_deadline_in(jitter(pool, delay)));
    }
    enc_log(pool->log,
            pool->failures > 1 ? ENC_LOG_DEBUG : ENC_LOG_WARN,
            "pool %s: no new sandbox: %s",
            pool->name,
            err->message);
    bool permanent = is_permanent(err);
    bool coming = enc_pool_live(pool) || (!permanent && pool->warm.active && pool->warm.left);
    if (!coming && permanent) {
        pool->resting = true;
        pool->prepared = false; /* the image may be pulled meanwhile */
        enc_timer_stop(pool->loop, &pool->retry);
    }
    if (!coming && (permanent || !pool->ever_up)) {
        pool->refuse = true;
        enc_fail(&pool->cause,
                 err->code,
                 "pool.acquire",
                 "pool \"%s\" has no sandbox and cannot make one: %s",
                 pool->name,
                 err->message);
        pool->cause.http_status = err->http_status;
    }
    enc_pool_kick(pool);
}

void enc_pool_tell_cause(struct enc_pool *pool) {
    if (!pool->refuse)
        return;
    pool->refuse = false;
    enc_pool_refuse(pool, &pool->cause);
}

void enc_pool_retry(struct enc_timer *timer) {
    enc_pool_kick(ENC_CONTAINER_OF(timer, struct enc_pool, retry));
}

/* ---- preparing ---------------------------------------------------------------------- */

static void on_progress(
    void *data, const char *what, const char *part, long long current, long long total) {
    struct enc_pool *pool = data;
    if (pool->warm.active && pool->warm.progress)
        pool->warm.progress(pool->warm.data, what, part, current, total);
}

/* A failure that warming has to tell. */
static void warm_failed(struct enc_pool *pool, unsigned how_many, const struct enclave_error *err) {
    if (!pool->warm.failed)
        pool->warm.err = *err;
    pool->warm.failed += how_many;
}

static void not_prepared(struct enc_pool *pool, const struct enclave_error *err) {
    if (pool->warm.active) {
        pool->warm.begun = true;
        warm_failed(pool, pool->warm.left ? pool->warm.left : 1, err);
        pool->warm.left = 0;
    }
    enc_pool_failed(pool, err);
}

static void on_prepared(void *data, const struct enclave_error *err) {
    struct enc_pool *pool = data;
    pool->preparing = NULL;
    if (err) {
        not_prepared(pool, err);
        return;
    }
    pool->prepared = true;
    pool->warm.begun = true;
    enc_pool_kick(pool);
}

static void prepare(struct enc_pool *pool) {
    struct enclave_error err;
    if (pool->preparing || pool->retry.slot)
        return;
    pool->preparing =
        pool->host->driver->prepare(pool->host, pool->config, on_progress, on_prepared, pool, &err);
    if (!pool->preparing)
        not_prepared(pool, &err);
}

/* ---- making -------------------------------------------------------------------------- */

/* How many more are wanted: up to size, and one for each who waits and for whom none is
 * on its way. */
static long wanted(const struct enc_pool *pool) {
    const unsigned *count = pool->count;
    long coming = (long)count[ENC_SLOT_CREATING] + count[ENC_SLOT_ADMITTING] +
                  count[ENC_SLOT_RESETTING] + count[ENC_SLOT_IDLE];
    long to_size = (long)pool->options.size - enc_pool_live(pool);
    long to_serve = (long)pool->waiting - coming;
    return to_size > to_serve ? to_size : to_serve;
}

/* What is being removed is not counted against max_size, or a replacement would have to
 * wait for that; but it must not pile up either. */
static bool has_room(const struct enc_pool *pool) {
    const unsigned *count = pool->count;
    unsigned live = enc_pool_live(pool), max = pool->options.max_size;
    unsigned leaving = count[ENC_SLOT_LOST] + count[ENC_SLOT_LEAVING] + count[ENC_SLOT_TOLD] +
                       count[ENC_SLOT_GOING];
    return live < max && leaving < max + pool->options.parallel &&
           count[ENC_SLOT_CREATING] < pool->options.parallel;
}

static int make_one(struct enc_pool *pool) {
    struct enclave_error err;
    struct enc_slot *slot = enc_slot_new(pool);
    bool warming = pool->warm.active && pool->warm.left;
    if (slot)
        slot->sandbox =
            enc_sandbox_new(pool->host, pool->config, pool->name, &enc_slot_events, slot, &err);
    else
        enc_fail_nomem(&err, "sandbox.create");
    if (warming)
        pool->warm.left--;
    if (!slot || !slot->sandbox) {
        if (slot)
            enc_slot_free(slot);
        if (warming)
            warm_failed(pool, 1, &err);
        pool->totals.create_failed++;
        enc_pool_failed(pool, &err);
        return -1;
    }
    slot->warming = warming;
    pool->warm.under_way += warming;
    enc_list_push_back(&pool->sandboxes, &slot->sandbox->in_owner);
    return 0;
}

void enc_pool_fill(struct enc_pool *pool) {
    if (!pool->started || (pool->resting && !pool->waiting))
        return;
    pool->resting = false; /* someone asks: try once more */
    if (!pool->prepared) {
        prepare(pool);
        return;
    }
    /* Warming tries each of its creations once, without a pause. */
    while (wanted(pool) > 0 && has_room(pool) &&
           (!pool->retry.slot || (pool->warm.active && pool->warm.left)))
        if (make_one(pool) < 0)
            return;
}

void enc_pool_created(struct enc_slot *slot, const struct enclave_error *err) {
    struct enc_pool *pool = slot->pool;
    bool warming = slot->warming && pool->warm.active;
    slot->warming = false;
    if (warming)
        pool->warm.under_way--;
    if (err) {
        pool->totals.create_failed++;
        if (warming)
            warm_failed(pool, 1, err);
        enc_pool_failed(pool, err);
        return;
    }
    pool->totals.created++;
    pool->ever_up = true;
    enc_histogram_add(&pool->create_time, enc_now() - slot->since_ns);
    enc_pool_kick(pool);
    if (!warming)
        return;
    pool->warm.up++;
    on_progress(pool, "start sandboxes", "", pool->warm.up, pool->options.size);
}

void enc_pool_stop_making(struct enc_pool *pool) {
    enc_timer_stop(pool->loop, &pool->retry);
    if (pool->preparing)
        pool->host->driver->prepare_cancel(pool->preparing);
    pool->preparing = NULL;
}

/* ---- warming ------------------------------------------------------------------------- */

void enc_pool_warm(struct enc_pool *pool,
                   enc_progress *progress,
                   void (*done)(void *data, unsigned up, const struct enclave_error *err),
                   void *data) {
    const unsigned *count = pool->count;
    unsigned size = pool->options.size;
    unsigned there = count[ENC_SLOT_IDLE] + count[ENC_SLOT_BUSY] + count[ENC_SLOT_RESETTING];
    pool->started = true;
    pool->resting = false;
    pool->warm.active = true;
    pool->warm.begun = pool->prepared;
    pool->warm.progress = progress;
    pool->warm.done = done;
    pool->warm.data = data;
    pool->warm.up = there < size ? there : size;
    pool->warm.left = size - pool->warm.up;
    pool->warm.failed = 0;
    pool->warm.under_way = 0;
    /* What is on its way already, for those who wait, counts too. */
    ENC_LIST_FOR_EACH(at, &pool->sandboxes) {
        struct enc_slot *slot = ENC_CONTAINER_OF(at, struct enc_sandbox, in_owner)->data;
        if (pool->warm.left &&
            (slot->state == ENC_SLOT_CREATING || slot->state == ENC_SLOT_ADMITTING)) {
            slot->warming = true;
            pool->warm.under_way++;
            pool->warm.left--;
        }
    }
    enc_timer_stop(pool->loop, &pool->retry); /* whoever asks need not wait */
    enc_pool_kick(pool);
}

void enc_pool_warm_cancel(struct enc_pool *pool) {
    pool->warm.active = false;
}

void enc_pool_check_warm(struct enc_pool *pool) {
    struct enclave_error err;
    unsigned size = pool->options.size, up = pool->warm.up, failed;
    if (!pool->warm.active)
        return;
    if (pool->closing) {
        pool->warm.active = false;
        enc_fail(&err, ENCLAVE_CANCELLED, "pool.warm", "pool \"%s\" was closed", pool->name);
        pool->warm.done(pool->warm.data, up, &err);
        return;
    }
    if (pool->resting) { /* the rest would fail in the same way */
        pool->warm.failed += pool->warm.left;
        pool->warm.left = 0;
    }
    bool enough = enc_pool_live(pool) >= size && !pool->count[ENC_SLOT_CREATING];
    if (!pool->warm.begun || pool->warm.under_way || (pool->warm.left && !enough))
        return;
    pool->warm.active = false;
    failed = pool->warm.failed;
    if (failed) {
        enc_fail(&err,
                 pool->warm.err.code,
                 "pool.warm",
                 up ? "%u of %u sandboxes came up; the others did not: %s"
                    : "%u of %u sandboxes came up: %s",
                 up,
                 size,
                 pool->warm.err.message);
        err.http_status = pool->warm.err.http_status;
    }
    pool->warm.done(pool->warm.data, up, failed ? &err : NULL);
}
