#include "pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "pool_inside.h"

void enc_pool_kick(struct enc_pool *pool) {
    if (!pool->work.slot && !pool->closed)
        enc_timer_start(pool->loop, &pool->work, 0);
}

/* ---- waiters ----------------------------------------------------------------------- */

static void leave_queue(struct enc_waiter *waiter) {
    struct enc_pool *pool = waiter->pool;
    enc_timer_stop(pool->loop, &waiter->timer);
    enc_list_remove(&waiter->in_queue);
    waiter->pool = NULL;
    pool->waiting--;
}

void enc_waiter_cancel(struct enc_waiter *waiter) {
    if (!waiter->pool)
        return;
    waiter->pool->totals.cancelled++;
    leave_queue(waiter);
}

static int timed_out(struct enc_pool *pool, struct enclave_error *err) {
    pool->totals.timeouts++;
    return enc_fail(err,
                    ENCLAVE_TIMEOUT,
                    "pool.acquire",
                    "no sandbox of pool \"%s\" became free in time (%u busy, %u being made, "
                    "%u waiting)",
                    pool->name,
                    pool->count[ENC_SLOT_BUSY],
                    pool->count[ENC_SLOT_CREATING] + pool->count[ENC_SLOT_ADMITTING],
                    pool->waiting);
}

static void on_deadline(struct enc_timer *timer) {
    struct enc_waiter *waiter = ENC_CONTAINER_OF(timer, struct enc_waiter, timer);
    struct enclave_error err;
    timed_out(waiter->pool, &err);
    leave_queue(waiter);
    waiter->done(waiter, NULL, &err);
}

void enc_pool_refuse(struct enc_pool *pool, const struct enclave_error *err) {
    uint64_t now = enc_now();
    while (!enc_list_empty(&pool->waiters)) {
        struct enc_waiter *waiter =
            ENC_CONTAINER_OF(pool->waiters.next, struct enc_waiter, in_queue);
        if (waiter->since_ns > now)
            break; /* asked again from inside done */
        if (err->code == ENCLAVE_CANCELLED)
            pool->totals.cancelled++;
        else
            pool->totals.refused++;
        leave_queue(waiter);
        waiter->done(waiter, NULL, err);
    }
}

static struct enc_sandbox *lend(struct enc_pool *pool, uint64_t since_ns) {
    struct enc_slot *slot = ENC_CONTAINER_OF(pool->idle.next, struct enc_slot, in_queue);
    enc_slot_set(slot, ENC_SLOT_BUSY);
    enc_pool_note_idle(pool);
    pool->failures = 0;
    pool->totals.borrowed++;
    enc_histogram_add(&pool->wait_time, enc_now() - since_ns);
    slot->sandbox->uses++;
    enc_sandbox_set_state(slot->sandbox, ENC_SANDBOX_BUSY);
    return slot->sandbox;
}

/* Hands idle sandboxes to those who have waited longest. A caller that gives back and asks
 * again inside its callback comes next turn. */
static void serve(struct enc_pool *pool) {
    unsigned turns = pool->waiting;
    while (turns-- && !pool->closing && !enc_list_empty(&pool->waiters) &&
           !enc_list_empty(&pool->idle)) {
        struct enc_waiter *waiter =
            ENC_CONTAINER_OF(pool->waiters.next, struct enc_waiter, in_queue);
        leave_queue(waiter);
        waiter->done(waiter, lend(pool, waiter->since_ns), NULL);
    }
    if (pool->waiting && !enc_list_empty(&pool->idle))
        enc_pool_kick(pool);
}

int enc_pool_acquire(struct enc_pool *pool,
                     enc_deadline deadline,
                     struct enc_waiter *waiter,
                     struct enc_sandbox **sandbox,
                     struct enclave_error *err) {
    static const char op[] = "pool.acquire";
    uint64_t now = enc_now();
    if (pool->closing)
        return enc_fail(err, ENCLAVE_CLOSED, op, "pool \"%s\" is closed", pool->name);
    if (enc_list_empty(&pool->waiters) && !enc_list_empty(&pool->idle)) {
        *sandbox = lend(pool, now);
        return 1;
    }
    if (!pool->started) {
        pool->started = true;
        enc_pool_kick(pool);
    }
    if (deadline <= now)
        return timed_out(pool, err);
    if (pool->waiting >= pool->options.max_waiters) {
        pool->totals.exhausted++;
        return enc_fail(err,
                        ENCLAVE_EXHAUSTED,
                        op,
                        "%u callers wait for pool \"%s\" already; that is its max_waiters",
                        pool->waiting,
                        pool->name);
    }
    waiter->timer.fire = on_deadline;
    if (enc_timer_start(pool->loop, &waiter->timer, deadline) < 0)
        return enc_fail_nomem(err, op);
    waiter->since_ns = now;
    waiter->pool = pool;
    enc_list_push_back(&pool->waiters, &waiter->in_queue);
    pool->waiting++;
    enc_pool_kick(pool);
    return 0;
}

/* ---- giving back --------------------------------------------------------------------- */

static const char *reason_to_retire(const struct enc_pool *pool,
                                    const struct enc_sandbox *sandbox) {
    const struct enc_pool_options *options = &pool->options;
    if (sandbox->dirty && pool->config->reuse == ENC_REUSE_FRESH)
        return "fresh";
    if (sandbox->dirty && enc_config_must_replace(pool->config))
        return "not_cleanable";
    if (options->max_uses && sandbox->uses >= options->max_uses)
        return "max_uses";
    if (options->max_age > 0 && (double)(enc_now() - sandbox->created_ns) / 1e9 >= options->max_age)
        return "max_age";
    return NULL;
}

static void on_reset(void *data,
                     const struct enc_reset_report *report,
                     const struct enclave_error *err) {
    struct enc_slot *slot = data;
    struct enc_pool *pool = slot->pool;
    if (slot->state != ENC_SLOT_RESETTING)
        return;
    if (err) {
        pool->totals.reset_failed++;
        enc_log(pool->log,
                ENC_LOG_WARN,
                "pool %s: sandbox %s could not be cleaned and is replaced: %s",
                pool->name,
                slot->sandbox->id,
                err->message);
        enc_slot_retire(slot, slot->sandbox->broken ? "lost" : "reset_failed");
        return;
    }
    pool->totals.resets++;
    pool->totals.found_processes += report ? report->processes : 0;
    pool->totals.found_files += report ? report->files : 0;
    pool->totals.found_ipc += report ? report->ipc : 0;
    enc_histogram_add(&pool->reset_time, enc_now() - slot->since_ns);
    enc_slot_offer(slot);
}

static void clean(struct enc_slot *slot) {
    struct enclave_error err;
    slot->since_ns = enc_now();
    enc_slot_set(slot, ENC_SLOT_RESETTING);
    if (enc_sandbox_reset(slot->sandbox, on_reset, slot, &err) < 0)
        on_reset(slot, NULL, &err);
}

static void count_runs(struct enc_pool *pool, struct enc_sandbox *sandbox) {
    struct enc_levels *all = &pool->totals.ran, *ran = &sandbox->ran;
    all->namespaces += ran->namespaces;
    all->reset += ran->reset;
    all->container += ran->container;
    *ran = (struct enc_levels){0};
}

void enc_pool_release(struct enc_pool *pool, struct enc_sandbox *sandbox, const char *retire) {
    struct enc_slot *slot = sandbox->data;
    if (slot->state != ENC_SLOT_BUSY && slot->state != ENC_SLOT_LOST) {
        if (!pool->closing)
            enc_log(pool->log,
                    ENC_LOG_ERROR,
                    "pool %s: sandbox %s was given back twice; the second time is ignored",
                    pool->name,
                    sandbox->id);
        return;
    }
    pool->totals.returned++;
    count_runs(pool, sandbox);
    if (slot->state == ENC_SLOT_LOST || sandbox->broken)
        retire = "lost";
    if (!retire)
        retire = reason_to_retire(pool, sandbox);
    if (retire)
        enc_slot_retire(slot, retire);
    else if (sandbox->dirty && pool->config->reuse == ENC_REUSE_RESET)
        clean(slot);
    else
        enc_slot_offer(slot);
}

void enc_pool_ran(struct enc_pool *pool, uint64_t run_ns) {
    enc_histogram_add(&pool->run_time, run_ns);
}

/* ---- closing ------------------------------------------------------------------------- */

static void cancelled(const struct enc_pool *pool, struct enclave_error *err) {
    enc_fail(err, ENCLAVE_CANCELLED, "pool", "pool \"%s\" was closed", pool->name);
}

void enc_pool_close(struct enc_pool *pool, void (*done)(void *data), void *data) {
    struct enclave_error err;
    if (pool->closing) {
        enc_log(pool->log, ENC_LOG_ERROR, "pool %s is closed already", pool->name);
        return;
    }
    pool->closing = true;
    pool->close_done = done;
    pool->close_data = data;
    enc_timer_stop(pool->loop, &pool->shrink);
    enc_pool_stop_making(pool);
    cancelled(pool, &err);
    ENC_LIST_FOR_EACH_SAFE(at, &pool->sandboxes) {
        struct enc_sandbox *sandbox = ENC_CONTAINER_OF(at, struct enc_sandbox, in_owner);
        struct enc_slot *slot = sandbox->data;
        if (slot->state == ENC_SLOT_BUSY)
            enc_sandbox_destroy(sandbox, &err);
        if (slot->state == ENC_SLOT_CREATING || slot->state == ENC_SLOT_ADMITTING)
            enc_slot_destroy(slot);
        else
            enc_slot_retire(slot, slot->state == ENC_SLOT_LOST ? "lost" : "closed");
    }
    enc_pool_kick(pool);
}

/* One turn after anything changed: see pool_inside.h. */
static void work(struct enc_timer *timer) {
    struct enc_pool *pool = ENC_CONTAINER_OF(timer, struct enc_pool, work);
    struct enclave_error err;
    if (!pool->closing)
        serve(pool);
    if (!pool->closing)
        enc_pool_tell_cause(pool);
    if (!pool->closing)
        enc_pool_fill(pool);
    enc_pool_check_warm(pool);
    enc_pool_tell_leaving(pool);
    if (!pool->closing)
        return;
    cancelled(pool, &err);
    enc_pool_refuse(pool, &err);
    if (enc_list_empty(&pool->sandboxes)) {
        enc_timer_stop(pool->loop, &pool->work);
        pool->closed = true;
        if (pool->close_done)
            pool->close_done(pool->close_data); /* last: it may free the pool */
    }
}

/* ---- the pool itself ------------------------------------------------------------------ */

static int complete(struct enc_pool_options *options, struct enclave_error *err) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (!options->name || !*options->name)
        options->name = "default";
    if (!options->max_size)
        options->max_size = options->size ? options->size : 1;
    if (options->max_size < options->size)
        return enc_fail(err,
                        ENCLAVE_INVALID,
                        "pool",
                        "max_size: %u is less than size; expected at least %u",
                        options->max_size,
                        options->size);
    if (!options->max_waiters)
        options->max_waiters = 100000;
    if (!(options->idle_ttl > 0))
        options->idle_ttl = 60;
    if (!options->parallel)
        options->parallel = processors < 2 ? 4 : processors > 8 ? 16 : 2 * (unsigned)processors;
    return 0;
}

struct enc_pool *enc_pool_new(struct enc_host *host,
                              struct enc_config *config,
                              const struct enc_pool_options *options,
                              const struct enc_pool_hooks *hooks,
                              void *data,
                              struct enclave_error *err) {
    struct enc_pool *pool = calloc(1, sizeof *pool);
    if (!pool) {
        enc_fail_nomem(err, "pool");
        return NULL;
    }
    pool->options = *options;
    if (complete(&pool->options, err) < 0) {
        free(pool);
        return NULL;
    }
    snprintf(pool->name, sizeof pool->name, "%s", pool->options.name);
    pool->options.name = pool->name;
    pool->host = host;
    pool->loop = host->loop;
    pool->log = host->log;
    pool->config = enc_config_ref(config);
    if (hooks)
        pool->hooks = *hooks;
    pool->data = data;
    enc_list_init(&pool->sandboxes);
    enc_list_init(&pool->idle);
    enc_list_init(&pool->leaving);
    enc_list_init(&pool->waiters);
    pool->work.fire = work;
    pool->retry.fire = enc_pool_retry;
    pool->shrink.fire = enc_pool_shrink;
    if (getentropy(&pool->random, sizeof pool->random) != 0)
        pool->random = enc_now();
    pool->random |= 1;
    return pool;
}

void enc_pool_free(struct enc_pool *pool) {
    if (!pool)
        return;
    if (!pool->closed) {
        enc_log(pool->log, ENC_LOG_ERROR, "pool %s is freed before it closed", pool->name);
        return;
    }
    enc_config_unref(pool->config);
    free(pool);
}

struct enc_config *enc_pool_config(const struct enc_pool *pool) {
    return pool->config;
}

struct enc_list *enc_pool_sandboxes(struct enc_pool *pool) {
    return &pool->sandboxes;
}
