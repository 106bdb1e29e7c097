/* Waits: a pending operation and the one who waits for it. Completion may come before,
 * while or after it waits; cancelling is one call whatever the operation is. */
#include <stdlib.h>
#include <string.h>

#include "core.h"

void l_wait_init(struct l_wait *wait, struct l_core *core, void (*drop)(struct l_wait *)) {
    *wait = (struct l_wait){.core = core, .drop = drop};
    enc_list_init(&wait->in_source);
}

void *l_new_wait(lua_State *L, struct l_core *core, size_t size, void (*drop)(struct l_wait *)) {
    struct l_wait *wait = lua_newuserdatauv(L, size, 1);
    memset(wait, 0, size);
    l_wait_init(wait, core, drop);
    luaL_setmetatable(L, L_WAIT);
    return wait;
}

void l_wait_keep(lua_State *L, int index) {
    lua_pushvalue(L, index);
    lua_setiuservalue(L, -2, 1);
}

void l_wait_end(struct l_wait *wait) {
    enc_list_remove(&wait->in_source);
    if (wait->drop)
        wait->drop(wait);
    wait->drop = NULL;
    free(wait->error);
    wait->error = NULL;
    if (wait->task && wait->task->waiting == wait) {
        /* Its coroutine was closed by someone else's hand: let the scheduler see that. */
        wait->task->waiting = NULL;
        l_task_ready(wait->task);
    }
    wait->task = NULL;
}

void l_wake(struct l_wait *wait) {
    enc_list_remove(&wait->in_source);
    if (wait->done)
        return;
    wait->done = true;
    if (wait->task && !wait->driven)
        l_task_ready(wait->task);
}

void l_wake_all(struct enc_list *waits) {
    while (!enc_list_empty(waits))
        l_wake(ENC_CONTAINER_OF(waits->next, struct l_wait, in_source));
}

void l_wait_fail(struct l_wait *wait, const struct enclave_error *err) {
    if (!wait->failed) {
        wait->failed = true;
        wait->error = malloc(sizeof *wait->error);
        if (wait->error)
            *wait->error = *err;
    }
    l_wake(wait);
}

void l_wait_fail_code(struct l_wait *wait,
                      enum enclave_code code,
                      const char *op,
                      const char *why) {
    struct enclave_error err;
    enc_fail(&err, code, op, "%s", why);
    l_wait_fail(wait, &err);
}

void l_wait_cancel(struct l_wait *wait) {
    if (wait->done || wait->cancelled)
        return;
    wait->cancelled = true;
    if (wait->cancel && wait->cancel(wait))
        return;
    if (wait->drop)
        wait->drop(wait);
    l_wake(wait);
}

int l_wait_failed(lua_State *L, struct l_wait *wait, const char *op) {
    struct enclave_error err;
    if (wait->failed) {
        if (wait->error)
            return l_fail(L, wait->error);
        enc_fail_nomem(&err, op);
        return l_fail(L, &err);
    }
    if (!wait->cancelled)
        return 0;
    enc_fail(&err, ENCLAVE_CANCELLED, op, "the task was cancelled");
    return l_fail(L, &err);
}

int l_refuse_cancelled(lua_State *L, struct l_core *core, const char *op) {
    if (!core->running || !core->running->cancelled)
        return 0;
    struct enclave_error err;
    enc_fail(&err, ENCLAVE_CANCELLED, op, "the task was cancelled");
    return l_fail(L, &err);
}

/* A suspended task goes on. Someone may have resumed its coroutine by hand, before the
 * wait is done: then it waits again, as in a foreign coroutine. */
static int woken(lua_State *L, int status, lua_KContext context) {
    struct l_wait *wait = (struct l_wait *)context;
    lua_KFunction k = wait->k;
    lua_KContext own = wait->context;
    (void)status;
    if (!wait->done) {
        struct l_task *task = wait->task;
        if (task)
            task->waiting = NULL; /* the wait may be collected before the task is resumed */
        l_await(L, wait, own, k);
        if (task)
            l_task_ready(task); /* the scheduler finds out what became of it */
    }
    return k(L, LUA_YIELD, own);
}

void l_await(lua_State *L, struct l_wait *wait, lua_KContext context, lua_KFunction k) {
    struct l_core *core = wait->core;
    struct l_task *task = core->running;
    struct enclave_error err;
    if (wait->done)
        return;
    if (!l_engine(core, &err)) {
        l_wait_fail(wait, &err);
        return;
    }
    if (task && task->cancelled)
        l_wait_cancel(wait);
    if (wait->done)
        return;
    wait->task = task;
    if (task)
        task->waiting = wait;
    wait->driven = !task || task->co != L || !lua_isyieldable(L);
    if (wait->driven) {
        l_drive(L, wait);
        return;
    }
    wait->context = context;
    wait->k = k;
    l_suspend(L, (lua_KContext)wait, woken);
}

struct l_latch *l_latch_new(struct l_core *core, struct l_wait *wait) {
    struct l_latch *latch = malloc(sizeof *latch);
    if (!latch)
        return NULL;
    *latch = (struct l_latch){.core = core, .wait = wait};
    enc_list_push_back(&core->latches, &latch->in_core);
    return latch;
}

void l_latch_open(void *data) {
    struct l_latch *latch = data;
    enc_list_remove(&latch->in_core);
    if (latch->wait)
        l_wake(latch->wait);
    free(latch);
}

void l_latch_forget(struct l_core *core, struct l_wait *wait) {
    ENC_LIST_FOR_EACH(cursor, &core->latches) {
        struct l_latch *latch = ENC_CONTAINER_OF(cursor, struct l_latch, in_core);
        if (latch->wait == wait)
            latch->wait = NULL;
    }
}
