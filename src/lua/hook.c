/* The hooks of a pool: each runs as a task, and its end is the answer to the pool. */
#include <stdlib.h>
#include <string.h>

#include "lua_pool.h"

#define GOODBYE_LIMIT 5.0 /* seconds */

struct l_hook {
    struct l_call call;
    struct enc_list in_pool;
    struct l_pool *pool; /* NULL: it needs no answer any more */
    char sandbox[40];    /* id: it may go meanwhile */
    struct l_sandbox *shown;
    struct l_task *task; /* while it runs */
    struct l_core *core;
    struct enc_timer timer;
    bool created; /* else retiring */
    double limit; /* seconds */
    char reason[32];
};

/* The pool hears the outcome, once; the sandbox is not shown any longer. */
static void answer(struct l_hook *hook, const struct enclave_error *err) {
    struct l_pool *pool = hook->pool;
    l_timer_stop(hook->core, &hook->timer);
    if (hook->shown)
        l_sandbox_detach(hook->shown, "its hook has ended");
    hook->shown = NULL;
    hook->pool = NULL;
    if (!pool)
        return;
    enc_list_remove(&hook->in_pool);
    if (!pool->pool)
        return;
    if (hook->created)
        enc_pool_admit(pool->pool, hook->sandbox, err);
    else
        enc_pool_discard(pool->pool, hook->sandbox);
}

static void forget(struct l_hook *hook) {
    enc_list_remove(&hook->call.in_calls);
    if (hook->task)
        hook->task->on_end = NULL;
    free(hook);
}

static void hook_drop(struct l_call *call) {
    struct l_hook *hook = (struct l_hook *)call;
    struct enclave_error err;
    enc_fail(&err, ENCLAVE_CANCELLED, "hook", "the pool is closing");
    answer(hook, &err);
    forget(hook);
}

static void on_late(struct enc_timer *timer) {
    struct l_hook *hook = ENC_CONTAINER_OF(timer, struct l_hook, timer);
    struct enclave_error err;
    if (!hook->task) {
        hook_drop(&hook->call);
        return;
    }
    struct l_task *task = hook->task;
    if (hook->created)
        enc_fail(&err,
                 ENCLAVE_TIMEOUT,
                 "hook.created",
                 "the hook of sandbox %s did not end within %g seconds, the config's max_timeout",
                 hook->sandbox,
                 hook->limit);
    answer(hook, hook->created ? &err : NULL);
    l_task_cancel(task);
}

static void on_end(struct l_task *task, void *data) {
    struct l_hook *hook = data;
    lua_State *co = task->co;
    struct enclave_error err = {.code = ENCLAVE_OK};
    const char *op = hook->created ? "hook.created" : "hook.retiring";
    int count = task->nresults;
    if (task->status == L_TASK_CANCELLED)
        enc_fail(&err, ENCLAVE_CANCELLED, op, "the hook was cancelled");
    else if (task->status == L_TASK_FAILED)
        l_to_error(co, -1, op, &err);
    else if (hook->created && (count == 0 || !lua_toboolean(co, -count)) && count >= 2)
        l_to_error(co, 1 - count, op, &err);
    else if (hook->created && (count == 0 || !lua_toboolean(co, -count)))
        enc_fail(&err, ENCLAVE_INTERNAL, op, "the hook refused the sandbox");
    if (task->status == L_TASK_FAILED && !hook->created)
        enc_log(l_log(hook->core), ENC_LOG_WARN, "%s: %s", op, err.message);
    hook->task = NULL;
    answer(hook, err.code ? &err : NULL);
    forget(hook);
}

/* NULL: it has died, or nobody waits for the answer any more. */
static struct enc_sandbox *find(const struct l_hook *hook) {
    const struct l_pool *pool = hook->pool;
    return pool && pool->pool ? enc_pool_find(pool->pool, hook->sandbox) : NULL;
}

static int start(lua_State *L) {
    struct l_hook *hook = lua_touserdata(L, 1);
    struct l_pool *pool = hook->pool;
    if (!find(hook))
        return luaL_error(L, "the sandbox has died");
    lua_rawgeti(L, LUA_REGISTRYINDEX, hook->created ? pool->created : pool->retiring);
    struct l_sandbox *shown = l_sandbox_new(L, hook->core, L_SHOWN);
    if (!hook->created)
        lua_pushstring(L, hook->reason);
    struct l_task *task = l_spawn(L, hook->core, hook->created ? 1 : 2);
    struct enc_sandbox *sandbox = find(hook);
    if (sandbox) { /* still */
        shown->pool = pool;
        l_sandbox_got(shown, sandbox);
    }
    shown->delivered = true;
    hook->shown = shown;
    hook->task = task;
    shown->shown_at = &hook->shown;
    task->on_end = on_end;
    task->data = hook;
    return 0;
}

static void hook_run(lua_State *L, struct l_call *call) {
    struct l_hook *hook = (struct l_hook *)call;
    if (!hook->pool) {
        forget(hook);
        return;
    }
    lua_pushcfunction(L, start);
    lua_pushlightuserdata(L, hook);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK)
        return;
    struct enclave_error err;
    l_to_error(L, -1, "hook", &err);
    answer(hook, &err);
    forget(hook);
}

/* The callback may still be on the pool's stack: the answer comes on a later turn. */
static void begin(struct l_pool *pool,
                  struct enc_sandbox *sandbox,
                  bool created,
                  const char *reason) {
    struct l_core *core = pool->core;
    struct l_hook *hook = calloc(1, sizeof *hook);
    if (!hook) {
        struct enclave_error err;
        enc_fail_nomem(&err, "hook");
        if (created)
            enc_pool_admit(pool->pool, sandbox->id, &err);
        else
            enc_pool_discard(pool->pool, sandbox->id);
        return;
    }
    hook->call = (struct l_call){.run = hook_run, .drop = hook_drop};
    enc_list_init(&hook->call.in_calls);
    hook->core = core;
    hook->pool = pool;
    snprintf(hook->sandbox, sizeof hook->sandbox, "%s", sandbox->id);
    hook->created = created;
    hook->limit = created ? enc_pool_config(pool->pool)->max_timeout : GOODBYE_LIMIT;
    snprintf(hook->reason, sizeof hook->reason, "%s", reason ? reason : "");
    enc_list_push_back(&pool->hooks, &hook->in_pool);
    hook->timer.fire = on_late;
    /* Nothing runs any more while the state closes: the pool is answered at once. */
    if (core->closing)
        enc_timer_start(l_loop(core), &hook->timer, 0);
    else
        enc_timer_start(l_loop(core), &hook->timer, enc_deadline_in_seconds(hook->limit));
    if (!core->closing)
        l_call_later(core, &hook->call);
}

static void on_created(void *data, struct enc_pool *pool, struct enc_sandbox *sandbox) {
    (void)pool;
    begin(data, sandbox, true, NULL);
}

static void on_retiring(void *data,
                        struct enc_pool *pool,
                        struct enc_sandbox *sandbox,
                        const char *reason) {
    (void)pool;
    begin(data, sandbox, false, reason);
}

const struct enc_pool_hooks l_pool_hooks = {.created = on_created, .retiring = on_retiring};

/* The pool closes: hooks on new sandboxes are called off. It has gone: nothing is left to
 * answer. */
void l_hooks_abandon(struct l_pool *pool) {
    ENC_LIST_FOR_EACH_SAFE(cursor, &pool->hooks) {
        struct l_hook *hook = ENC_CONTAINER_OF(cursor, struct l_hook, in_pool);
        if (!pool->pool) {
            struct l_task *task = hook->task;
            answer(hook, NULL);
            if (task)
                l_task_cancel(task);
        } else if (hook->created && hook->task) {
            l_task_cancel(hook->task);
        }
    }
}
