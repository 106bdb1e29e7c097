/* Filling a pool and borrowing from it. */
#include "args.h"
#include "lua_pool.h"

/* ---- warm: the pool at 1, progress at 2, the operation at 3 ------------------------------- */

struct warm {
    struct l_wait wait;
    struct l_progress progress;
    struct l_pool *pool;
    unsigned up;
    bool has_error;
    struct enclave_error error;
};

static void warm_drop(struct l_wait *wait) {
    struct warm *warm = (struct warm *)wait;
    l_progress_drop(&warm->progress);
    if (warm->pool && warm->pool->warming == wait) {
        warm->pool->warming = NULL;
        enc_pool_warm_cancel(warm->pool->pool);
    }
    warm->pool = NULL;
}

static void on_progress(
    void *data, const char *what, const char *part, long long current, long long total) {
    struct l_pool *pool = data;
    if (pool->warming)
        l_progress_add(&((struct warm *)pool->warming)->progress, what, part, current, total);
}

static void on_warm(void *data, unsigned up, const struct enclave_error *err) {
    struct l_pool *pool = data;
    struct warm *warm = (struct warm *)pool->warming;
    if (!warm)
        return;
    pool->warming = NULL;
    warm->progress.ended = true;
    warm->up = up;
    warm->has_error = err != NULL;
    if (err)
        warm->error = *err;
    l_wake(&warm->wait);
}

static int warm_step(lua_State *L, int status, lua_KContext context) {
    struct warm *warm = (struct warm *)context;
    if (!l_progress_wait(L, &warm->progress, status, 3, 2, context, warm_step)) {
        warm_drop(&warm->wait);
        lua_pushnil(L);
        l_push_caught(L, -2, "pool.warm");
        return 2;
    }
    int failed = l_wait_failed(L, &warm->wait, "pool.warm");
    if (failed)
        return failed;
    if (!warm->has_error) {
        lua_pushinteger(L, warm->up);
        return 1;
    }
    if (warm->up)
        lua_pushinteger(L, warm->up);
    else
        lua_pushnil(L);
    l_push_error(L, &warm->error);
    return 2;
}

int l_pool_warm(lua_State *L) {
    static const char op[] = "pool.warm";
    struct enclave_error err;
    struct l_core *core = l_core(L);
    lua_settop(L, 2);
    l_opt_function(L, 2, op, "progress");
    int refused = l_refuse_cancelled(L, core, op);
    if (refused)
        return refused;
    struct warm *warm = l_new_wait(L, core, sizeof *warm, warm_drop);
    l_progress_init(&warm->progress, &warm->wait);
    struct l_pool *pool = l_pool_open(L, op, &err);
    if (!pool)
        return l_fail(L, &err);
    if (pool->warmed) {
        enc_fail(&err, ENCLAVE_INVALID, op, "the pool was warmed before");
        return l_fail(L, &err);
    }
    warm->pool = pool;
    pool->warming = &warm->wait;
    pool->warmed = true;
    enc_pool_warm(pool->pool, on_progress, on_warm, pool);
    return warm_step(L, LUA_OK, (lua_KContext)warm);
}

/* ---- acquire: the pool at 1, the timeout at 2, the sandbox at 3 ---------------------------- */

static void on_lent(struct enc_waiter *waiter,
                    struct enc_sandbox *sandbox,
                    const struct enclave_error *err) {
    struct l_sandbox *lent = ENC_CONTAINER_OF(waiter, struct l_sandbox, waiter);
    lent->queued = false;
    if (!sandbox) {
        enc_list_remove(&lent->in_owner);
        l_wait_fail(&lent->wait, err);
        return;
    }
    l_sandbox_got(lent, sandbox);
    l_wake(&lent->wait);
}

static int acquire_end(lua_State *L, int status, lua_KContext context) {
    struct l_sandbox *lent = (struct l_sandbox *)context;
    (void)status;
    if (!lent->sandbox) {
        int failed = l_wait_failed(L, &lent->wait, "pool.acquire");
        if (failed)
            return failed;
    }
    lent->delivered = true;
    lua_settop(L, 3);
    return 1;
}

int l_pool_acquire(lua_State *L) {
    static const char op[] = "pool.acquire";
    struct enclave_error err;
    struct l_core *core = l_core(L);
    enc_deadline deadline;
    lua_settop(L, 2);
    int refused = l_refuse_cancelled(L, core, op);
    if (refused)
        return refused;
    struct l_sandbox *lent = l_sandbox_new(L, core, L_BORROWED);
    lua_pushvalue(L, 1); /* an open pool stays open as long as something is borrowed */
    lua_setiuservalue(L, 3, 1);
    struct l_pool *pool = l_pool_open(L, op, &err);
    if (!pool || l_read_timeout(L, 2, op, "timeout", &deadline, &err))
        return l_fail(L, &err);
    lent->pool = pool;
    lent->waiter.done = on_lent;
    struct enc_sandbox *sandbox = NULL;
    enc_loop_catch_up(l_loop(core));
    int rc = enc_pool_acquire(pool->pool, deadline, &lent->waiter, &sandbox, &err);
    if (rc < 0)
        return l_fail(L, &err);
    enc_list_push_back(&pool->borrowed, &lent->in_owner);
    if (rc == 1) {
        l_sandbox_got(lent, sandbox);
    } else {
        lent->queued = true;
        l_await(L, &lent->wait, (lua_KContext)lent, acquire_end);
    }
    return acquire_end(L, LUA_OK, (lua_KContext)lent);
}
