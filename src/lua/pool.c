/* The userdata Pool: making, describing and closing it. Filling and borrowing are in
 * pool_use.c, its hooks in hook.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "lua_pool.h"

/* ---- the record behind it --------------------------------------------------------------- */

static void free_if_unused(struct l_pool *pool) {
    if (pool->pool || pool->referenced || pool->created != LUA_NOREF || pool->retiring != LUA_NOREF)
        return;
    enc_list_remove(&pool->in_core);
    free(pool);
}

static void cleanup_drop(struct l_call *call) {
    struct l_pool *pool = ENC_CONTAINER_OF(call, struct l_pool, cleanup);
    pool->created = pool->retiring = LUA_NOREF;
    free_if_unused(pool);
}

static void cleanup_run(lua_State *L, struct l_call *call) {
    struct l_pool *pool = ENC_CONTAINER_OF(call, struct l_pool, cleanup);
    luaL_unref(L, LUA_REGISTRYINDEX, pool->created);
    luaL_unref(L, LUA_REGISTRYINDEX, pool->retiring);
    cleanup_drop(call);
}

static void on_gone(void *data) {
    struct l_pool *pool = data;
    pool->pool = NULL;
    enc_list_remove(&pool->in_core);
    l_hooks_abandon(pool);
    l_wake_all(&pool->closers);
    l_call_later(pool->core, &pool->cleanup);
}

void l_pool_detach(struct l_pool *pool) {
    while (!enc_list_empty(&pool->borrowed)) {
        struct l_sandbox *self = ENC_CONTAINER_OF(pool->borrowed.next, struct l_sandbox, in_owner);
        l_sandbox_detach(self, "its pool was closed");
    }
}

void l_pool_start_close(struct l_pool *pool) {
    if (pool->closing)
        return;
    pool->closing = true;
    if (pool->warming) {
        struct l_wait *wait = pool->warming;
        pool->warming = NULL;
        enc_pool_warm_cancel(pool->pool);
        l_wait_fail_code(wait, ENCLAVE_CANCELLED, "pool.warm", "the pool was closed");
    }
    l_pool_detach(pool);
    l_hooks_abandon(pool);
    enc_engine_pool_close(pool->core->engine, pool->pool, on_gone, pool);
}

void l_pools_close(struct l_core *core) {
    ENC_LIST_FOR_EACH_SAFE(cursor, &core->pools) {
        l_pool_start_close(ENC_CONTAINER_OF(cursor, struct l_pool, in_core));
    }
}

void l_pools_forget(struct l_core *core) {
    while (!enc_list_empty(&core->pools))
        on_gone(ENC_CONTAINER_OF(core->pools.next, struct l_pool, in_core));
}

/* ---- core.pool ------------------------------------------------------------------------------ */

static struct l_pool *self(lua_State *L, const char *op) {
    return *(struct l_pool **)l_self(L, 1, L_POOL, op);
}

struct l_pool *l_pool_open(lua_State *L, const char *op, struct enclave_error *err) {
    struct l_pool *pool = self(L, op);
    if (pool && pool->pool && !pool->closing)
        return pool;
    enc_fail(err, ENCLAVE_CLOSED, op, "the pool was closed");
    return NULL;
}

/* The userdata is left on the stack. */
static struct l_pool *record_new(lua_State *L, struct l_core *core) {
    struct l_pool **box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = NULL;
    luaL_setmetatable(L, L_POOL);
    struct l_pool *pool = *box = calloc(1, sizeof *pool);
    if (!pool)
        luaL_error(L, "not enough memory");
    pool->core = core; /* NOLINT: luaL_error does not return */
    pool->created = pool->retiring = LUA_NOREF;
    pool->referenced = true;
    pool->cleanup = (struct l_call){.run = cleanup_run, .drop = cleanup_drop};
    enc_list_init(&pool->cleanup.in_calls);
    enc_list_init(&pool->in_core);
    enc_list_init(&pool->borrowed);
    enc_list_init(&pool->hooks);
    enc_list_init(&pool->closers);
    return pool;
}

static int hook_ref(lua_State *L, bool given, const char *name) {
    if (!given)
        return LUA_NOREF;
    l_raw_field(L, 5, name);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

static int read_hooks(lua_State *L, struct l_pool *pool, struct enclave_error *err) {
    struct {
        bool created, retiring;
    } given = {false, false};
    static const struct l_field fields[] = {
        {"created", L_FUNCTION, false, 0}, {"retiring", L_FUNCTION, false, 1}, {0}};
    if (lua_isnoneornil(L, 5))
        return 0;
    if (l_read_fields(L, 5, "pool", fields, &given, err))
        return -1;
    pool->created = hook_ref(L, given.created, "created");
    pool->retiring = hook_ref(L, given.retiring, "retiring");
    return 0;
}

static int new_pool(lua_State *L) {
    struct l_core *core = l_core(L);
    struct enclave_error err = {.code = ENCLAVE_OK};
    struct enc_pool_options options = {0};
    lua_settop(L, 5);
    const char *driver = l_check_string(L, 1, "pool", "driver");
    if (lua_isnil(L, 4)) {
        lua_newtable(L);
        lua_replace(L, 4);
    }
    struct l_pool *pool = record_new(L, core);
    json_t *driver_options = l_json_arg(L, 2, "driver_options", &err);
    json_t *json = err.code ? NULL : l_json_arg(L, 3, "config", &err);
    json_t *pool_options = err.code ? NULL : l_json_arg(L, 4, "options", &err);
    if (err.code || enc_pool_options_from_json(&options, pool_options, &err) ||
        read_hooks(L, pool, &err) || !l_engine(core, &err))
        return l_fail(L, &err);
    struct enc_host *host = enc_engine_host(core->engine, driver, driver_options, &err);
    struct enc_config *config = host ? enc_config_from_json(json, ENC_FOR_POOL, &err) : NULL;
    if (!config)
        return l_fail(L, &err);
    struct enc_pool_hooks hooks = l_pool_hooks;
    if (pool->created == LUA_NOREF)
        hooks.created = NULL;
    if (pool->retiring == LUA_NOREF)
        hooks.retiring = NULL;
    pool->pool = enc_engine_pool(core->engine, host, config, &options, &hooks, pool, &err);
    enc_config_unref(config);
    if (!pool->pool)
        return l_fail(L, &err);
    enc_list_push_back(&core->pools, &pool->in_core);
    l_canary(L, core);
    lua_pushvalue(L, 6);
    return 1;
}

/* ---- what it looks like -------------------------------------------------------------------- */

static int pool_stats(lua_State *L) {
    struct enclave_error err;
    struct l_pool *pool = l_pool_open(L, "pool.stats", &err);
    if (!pool)
        return l_fail(L, &err);
    l_push_json(L, enc_pool_stats(pool->pool));
    return 1;
}

/* pool:histograms{ 0.001, … } */
static int pool_histograms(lua_State *L) {
    static const char op[] = "pool.histograms";
    enum { MOST = 64 };
    uint64_t bounds[MOST];
    struct enclave_error err;
    struct l_pool *pool = l_pool_open(L, op, &err);
    if (!pool)
        return l_fail(L, &err);
    l_check_type(L, 2, LUA_TTABLE, op, "bounds");
    size_t count = lua_rawlen(L, 2);
    for (size_t i = 0; i < count; i++, lua_pop(L, 1)) {
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        lua_Number seconds = lua_tonumber(L, -1);
        if (count > MOST || !(seconds > 0) || seconds > 1e9)
            return l_misuse(L, op, "bounds: expected at most %d times in seconds", MOST);
        bounds[i] = (uint64_t)(seconds * 1e9);
    }
    l_push_json(L, enc_pool_histograms(pool->pool, bounds, count));
    return 1;
}

static int pool_config(lua_State *L) {
    struct enclave_error err;
    struct l_pool *pool = l_pool_open(L, "pool.config", &err);
    if (!pool)
        return l_fail(L, &err);
    l_push_json(L, enc_config_to_json(enc_pool_config(pool->pool)));
    return 1;
}

static int pool_sandboxes(lua_State *L) {
    struct enclave_error err;
    struct l_pool *pool = l_pool_open(L, "pool.sandboxes", &err);
    if (!pool)
        return l_fail(L, &err);
    json_t *list = json_array();
    ENC_LIST_FOR_EACH(cursor, enc_pool_sandboxes(pool->pool)) {
        struct enc_sandbox *sandbox = ENC_CONTAINER_OF(cursor, struct enc_sandbox, in_owner);
        if (json_array_append_new(list, enc_sandbox_describe(sandbox))) {
            json_decref(list);
            list = NULL;
            break;
        }
    }
    l_push_json(L, list);
    return 1;
}

/* pool:ran(seconds): counts a finished call for the histogram of runs. */
static int pool_ran(lua_State *L) {
    struct enclave_error err;
    enc_deadline unused;
    struct l_pool *pool = l_pool_open(L, "pool.ran", &err);
    l_check_type(L, 2, LUA_TNUMBER, "pool.ran", "seconds");
    if (!pool || l_read_timeout(L, 2, "pool.ran", "seconds", &unused, &err))
        return l_fail(L, &err);
    enc_pool_ran(pool->pool, (uint64_t)(fmin(lua_tonumber(L, 2), 9e9) * 1e9));
    lua_pushboolean(L, true);
    return 1;
}

/* ---- the end -------------------------------------------------------------------------------- */

static int close_end(lua_State *L, int status, lua_KContext context) {
    (void)status;
    int failed = l_wait_failed(L, (struct l_wait *)context, "pool.close");
    if (failed)
        return failed;
    lua_pushboolean(L, true);
    return 1;
}

static int pool_close(lua_State *L) {
    struct l_pool *pool = self(L, "pool.close");
    struct l_core *core = l_core(L);
    if (!pool || !pool->pool || core->closed) {
        lua_pushboolean(L, true);
        return 1;
    }
    struct l_wait *wait = l_new_wait(L, core, sizeof *wait, NULL);
    if (pool->pool) {
        l_pool_start_close(pool);
        enc_list_push_back(&pool->closers, &wait->in_source);
    } else {
        l_wake(wait);
    }
    l_await(L, wait, (lua_KContext)wait, close_end);
    return close_end(L, LUA_OK, (lua_KContext)wait);
}

static int pool_gc(lua_State *L) {
    struct l_pool **box = l_self(L, 1, L_POOL, "pool"), *pool = *box;
    *box = NULL;
    if (!pool)
        return 0;
    pool->referenced = false;
    if (pool->pool)
        l_pool_start_close(pool);
    else if (enc_list_empty(&pool->cleanup.in_calls))
        l_call_later(pool->core, &pool->cleanup);
    if (pool->core->closed) {
        enc_list_remove(&pool->cleanup.in_calls);
        cleanup_drop(&pool->cleanup);
    }
    return 0;
}

void l_pool_class(lua_State *L, struct l_core *core) {
    static const luaL_Reg methods[] = {{"warm", l_pool_warm},
                                       {"acquire", l_pool_acquire},
                                       {"stats", pool_stats},
                                       {"histograms", pool_histograms},
                                       {"config", pool_config},
                                       {"sandboxes", pool_sandboxes},
                                       {"ran", pool_ran},
                                       {"close", pool_close},
                                       {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__close", pool_close}, {"__gc", pool_gc}, {NULL, NULL}};
    l_class(L, core, L_POOL, methods, meta);
    lua_pop(L, 1);
}

const luaL_Reg l_pool_functions[] = {{"pool", new_pool}, {NULL, NULL}};
