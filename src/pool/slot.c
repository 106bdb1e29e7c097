#include <stdlib.h>
#include <string.h>

#include "pool_inside.h"

#define GOODBYE_LIMIT (10 * ENC_NS_PER_S)
#define YOUNG         (5 * ENC_NS_PER_S) /* one that dies so soon was never well */

/* Changes its state, the counts, and the queue it is in. */
void enc_slot_set(struct enc_slot *slot, enum enc_slot_state state) {
    struct enc_pool *pool = slot->pool;
    pool->count[slot->state]--;
    pool->count[state]++;
    slot->state = state;
    enc_list_remove(&slot->in_queue);
    if (state == ENC_SLOT_IDLE)
        enc_list_push_back(&pool->idle, &slot->in_queue);
    else if (state == ENC_SLOT_LEAVING)
        enc_list_push_back(&pool->leaving, &slot->in_queue);
}

static void on_goodbye_limit(struct enc_timer *timer) {
    struct enc_slot *slot = ENC_CONTAINER_OF(timer, struct enc_slot, goodbye);
    enc_log(slot->pool->log,
            ENC_LOG_WARN,
            "pool %s: the hook of sandbox %s took too long",
            slot->pool->name,
            slot->sandbox->id);
    enc_slot_destroy(slot);
}

struct enc_slot *enc_slot_new(struct enc_pool *pool) {
    struct enc_slot *slot = calloc(1, sizeof *slot);
    if (!slot)
        return NULL;
    slot->pool = pool;
    slot->state = ENC_SLOT_CREATING;
    slot->since_ns = enc_now();
    slot->goodbye.fire = on_goodbye_limit;
    enc_list_init(&slot->in_queue);
    pool->count[ENC_SLOT_CREATING]++;
    return slot;
}

void enc_slot_free(struct enc_slot *slot) {
    slot->pool->count[slot->state]--;
    enc_list_remove(&slot->in_queue);
    enc_timer_stop(slot->pool->loop, &slot->goodbye);
    free(slot);
}

void enc_slot_offer(struct enc_slot *slot) {
    enc_slot_set(slot, ENC_SLOT_IDLE);
    enc_sandbox_set_state(slot->sandbox, ENC_SANDBOX_IDLE);
    enc_pool_note_idle(slot->pool);
    enc_pool_kick(slot->pool);
}

void enc_slot_destroy(struct enc_slot *slot) {
    if (slot->state == ENC_SLOT_GOING)
        return;
    enc_timer_stop(slot->pool->loop, &slot->goodbye);
    enc_slot_set(slot, ENC_SLOT_GOING);
    enc_sandbox_destroy(slot->sandbox, NULL);
    enc_pool_kick(slot->pool);
}

static void count_reason(struct enc_pool *pool, const char *reason) {
    struct enc_reason *retired = pool->totals.retired;
    size_t i = 0;
    while (i < ENC_REASONS - 1 && *retired[i].name && strcmp(retired[i].name, reason) != 0)
        i++;
    if (!*retired[i].name)
        snprintf(
            retired[i].name, sizeof retired[i].name, "%s", i == ENC_REASONS - 1 ? "other" : reason);
    retired[i].count++;
}

/* Nobody gets it any more. It goes at once, or when the owner's hook has been told. */
void enc_slot_retire(struct enc_slot *slot, const char *reason) {
    struct enc_pool *pool = slot->pool;
    if (slot->state >= ENC_SLOT_LEAVING)
        return;
    snprintf(slot->reason, sizeof slot->reason, "%s", reason);
    count_reason(pool, slot->reason);
    enc_log(pool->log,
            ENC_LOG_DEBUG,
            "pool %s: sandbox %s leaves: %s",
            pool->name,
            slot->sandbox->id,
            reason);
    if (!pool->hooks.retiring || slot->sandbox->destroying) {
        enc_slot_destroy(slot);
    } else {
        enc_slot_set(slot, ENC_SLOT_LEAVING);
        enc_pool_kick(pool);
    }
    enc_pool_note_idle(pool);
}

void enc_pool_tell_leaving(struct enc_pool *pool) {
    struct enc_list *at;
    while ((at = pool->leaving.next) != &pool->leaving) {
        struct enc_slot *slot = ENC_CONTAINER_OF(at, struct enc_slot, in_queue);
        enc_slot_set(slot, ENC_SLOT_TOLD);
        if (enc_timer_start(pool->loop, &slot->goodbye, enc_deadline_in(GOODBYE_LIMIT)) < 0)
            enc_slot_destroy(slot);
        else
            pool->hooks.retiring(pool->data, pool, slot->sandbox, slot->reason);
    }
}

/* The owner may answer late, for one that is long gone: so it is named by its id. Answers are
 * rare, one or two in the life of a sandbox. */
struct enc_sandbox *enc_pool_find(struct enc_pool *pool, const char *id) {
    ENC_LIST_FOR_EACH(at, &pool->sandboxes) {
        struct enc_sandbox *one = ENC_CONTAINER_OF(at, struct enc_sandbox, in_owner);
        if (strcmp(one->id, id) == 0)
            return one;
    }
    return NULL;
}

void enc_pool_discard(struct enc_pool *pool, const char *id) {
    struct enc_sandbox *sandbox = enc_pool_find(pool, id);
    struct enc_slot *slot = sandbox ? sandbox->data : NULL;
    if (slot && slot->state == ENC_SLOT_TOLD)
        enc_slot_destroy(slot);
}

void enc_pool_admit(struct enc_pool *pool, const char *id, const struct enclave_error *err) {
    struct enc_sandbox *sandbox = enc_pool_find(pool, id);
    struct enc_slot *slot = sandbox ? sandbox->data : NULL;
    if (!slot || slot->state != ENC_SLOT_ADMITTING)
        return;
    if (err) {
        enc_slot_destroy(slot);
        enc_pool_created(slot, err);
        return;
    }
    enc_pool_created(slot, NULL);
    enc_slot_offer(slot);
}

/* ---- what the sandbox reports --------------------------------------------------------- */

static void on_ready(void *data, struct enc_sandbox *sandbox) {
    struct enc_slot *slot = data;
    struct enc_pool *pool = slot->pool;
    if (slot->state != ENC_SLOT_CREATING)
        return;
    enc_slot_set(slot, ENC_SLOT_ADMITTING);
    if (pool->hooks.created)
        pool->hooks.created(pool->data, pool, sandbox);
    else
        enc_pool_admit(pool, sandbox->id, NULL);
}

static void on_broken(void *data, struct enc_sandbox *sandbox, const struct enclave_error *err) {
    struct enc_slot *slot = data;
    struct enc_pool *pool = slot->pool;
    switch (slot->state) {
    case ENC_SLOT_CREATING:
    case ENC_SLOT_ADMITTING:
        enc_slot_destroy(slot);
        enc_pool_created(slot, err);
        break;
    case ENC_SLOT_IDLE:
        enc_slot_retire(slot, "lost");
        if (!sandbox->uses && enc_now() - sandbox->created_ns < YOUNG)
            enc_pool_failed(pool, err);
        break;
    case ENC_SLOT_RESETTING:
        enc_slot_retire(slot, "lost");
        break;
    case ENC_SLOT_BUSY:
        enc_slot_set(slot, ENC_SLOT_LOST);
        enc_pool_kick(pool);
        break;
    case ENC_SLOT_LOST:
    case ENC_SLOT_LEAVING:
    case ENC_SLOT_TOLD:
    case ENC_SLOT_GOING:
    case ENC_SLOT_STATES:
        break;
    }
}

static void on_gone(void *data, struct enc_sandbox *sandbox) {
    struct enc_slot *slot = data;
    struct enc_pool *pool = slot->pool;
    enc_list_remove(&sandbox->in_owner);
    enc_slot_free(slot);
    enc_pool_kick(pool);
}

const struct enc_sandbox_events enc_slot_events = {on_ready, on_broken, on_gone};
