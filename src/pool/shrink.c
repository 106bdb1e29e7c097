#include "pool_inside.h"

/* The idle queue is a FIFO, so under a little load every sandbox is used now and then, also
 * when there are too many. What tells is the fewest that were idle at any time during
 * idle_ttl: so many were never needed. Kept in steps of an eighth of idle_ttl. */

#define STEP_LEAST 0.01 /* seconds: an idle_ttl next to nothing must not keep the loop busy */

static enc_deadline next_step(const struct enc_pool *pool) {
    double step = pool->options.idle_ttl / ENC_SHRINK_STEPS;
    return enc_deadline_in_seconds(step > STEP_LEAST ? step : STEP_LEAST);
}

void enc_pool_note_idle(struct enc_pool *pool) {
    unsigned idle = pool->count[ENC_SLOT_IDLE];
    if (pool->closing)
        return;
    if (idle < pool->low[pool->step])
        pool->low[pool->step] = idle;
    if (pool->shrink.slot || enc_pool_live(pool) <= pool->options.size)
        return;
    for (unsigned i = 0; i < ENC_SHRINK_STEPS; i++)
        pool->low[i] = 0; /* nothing is known yet */
    enc_timer_start(pool->loop, &pool->shrink, next_step(pool));
}

void enc_pool_shrink(struct enc_timer *timer) {
    struct enc_pool *pool = ENC_CONTAINER_OF(timer, struct enc_pool, shrink);
    unsigned live = enc_pool_live(pool), spare = pool->count[ENC_SLOT_IDLE];
    for (unsigned i = 0; i < ENC_SHRINK_STEPS; i++)
        if (pool->low[i] < spare)
            spare = pool->low[i];
    if (live <= pool->options.size)
        return;
    if (spare > live - pool->options.size)
        spare = live - pool->options.size;
    enc_timer_start(pool->loop, timer, next_step(pool));
    for (unsigned i = 0; i < ENC_SHRINK_STEPS; i++)
        pool->low[i] = pool->low[i] > spare ? pool->low[i] - spare : 0;
    for (unsigned i = 0; i < spare; i++)
        enc_slot_retire(ENC_CONTAINER_OF(pool->idle.next, struct enc_slot, in_queue), "idle");
    pool->step = (pool->step + 1) % ENC_SHRINK_STEPS;
    pool->low[pool->step] = pool->count[ENC_SLOT_IDLE];
}
