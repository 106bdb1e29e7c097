/* core.run, spawn, sleep, now, current, and the same for C programs. */
#include <time.h>

#include "args.h"

static int spawn(lua_State *L) {
    l_check_type(L, 1, LUA_TFUNCTION, "spawn", "fn");
    l_spawn(L, l_core(L), lua_gettop(L) - 1);
    return 1;
}

/* ---- run: the task is at index 1, a wait above it ----------------------------------- */

static int run_end(lua_State *L, int status, lua_KContext context) {
    struct l_task *task = lua_touserdata(L, 1);
    struct l_wait *wait = (struct l_wait *)context;
    (void)status;
    lua_settop(L, 2);
    if (task->status == L_TASK_RUNNING) { /* the caller was cancelled: fn is too */
        l_task_cancel(task);
        int failed = l_wait_failed(L, wait, "run");
        return failed ? lua_error(L) : 0;
    }
    task->seen = true;
    enc_list_remove(&task->in_failed);
    lua_State *co = task->co;
    int count = task->nresults;
    if (!l_task_is_whole(task))
        return luaL_error(L, "the ended coroutine of a task was resumed by hand");
    luaL_checkstack(L, count + 1, "too many results");
    if (task->status == L_TASK_CANCELLED && count == 0) {
        struct enclave_error err;
        enc_fail(&err, ENCLAVE_CANCELLED, "run", "the task was cancelled");
        l_push_error(L, &err);
        return lua_error(L);
    }
    lua_xmove(co, L, count);
    task->nresults = 0;
    if (task->status == L_TASK_DONE || (task->status == L_TASK_CANCELLED && count >= 2))
        return count;
    return lua_error(L);
}

static int run(lua_State *L) {
    struct l_core *core = l_core(L);
    l_check_type(L, 1, LUA_TFUNCTION, "run", "fn");
    struct l_task *task = l_spawn(L, core, lua_gettop(L) - 1);
    struct l_wait *wait = l_new_wait(L, core, sizeof *wait, NULL);
    if (task->status == L_TASK_RUNNING)
        enc_list_push_back(&task->joiners, &wait->in_source);
    else
        l_wake(wait);
    l_await(L, wait, (lua_KContext)wait, run_end);
    if (!core->running) { /* the end of the outermost run */
        task->seen = true;
        l_task_log_failures(L, core);
        l_run_calls(L, core);
    }
    return run_end(L, LUA_OK, (lua_KContext)wait);
}

int enc_lua_call(lua_State *L, int nargs) {
    struct l_core *core = enc_lua_core(L);
    lua_pushlightuserdata(L, core);
    lua_pushcclosure(L, run, 1);
    lua_insert(L, -(nargs + 2));
    return lua_pcall(L, nargs + 1, LUA_MULTRET, 0);
}

/* ---- sleep --------------------------------------------------------------------------- */

struct nap {
    struct l_wait wait;
    struct enc_timer timer;
};

static void nap_drop(struct l_wait *wait) {
    l_timer_stop(wait->core, &((struct nap *)wait)->timer);
}

static void nap_over(struct enc_timer *timer) {
    l_wake(&ENC_CONTAINER_OF(timer, struct nap, timer)->wait);
}

static int nap_end(lua_State *L, int status, lua_KContext context) {
    struct nap *nap = (struct nap *)context;
    (void)status;
    nap_drop(&nap->wait);
    int failed = l_wait_failed(L, &nap->wait, "sleep");
    if (failed)
        return failed;
    lua_pushboolean(L, true);
    return 1;
}

static int sleep_for(lua_State *L) {
    struct l_core *core = l_core(L);
    struct enclave_error err;
    enc_deadline deadline;
    l_check_type(L, 1, LUA_TNUMBER, "sleep", "seconds");
    if (l_read_timeout(L, 1, "sleep", "seconds", &deadline, &err))
        return l_fail(L, &err);
    int refused = l_refuse_cancelled(L, core, "sleep");
    if (refused)
        return refused;
    if (!l_engine(core, &err))
        return l_fail(L, &err);
    struct nap *nap = l_new_wait(L, core, sizeof *nap, nap_drop);
    nap->timer.fire = nap_over;
    deadline = enc_deadline_min(deadline, ENC_NEVER - 1); /* a wait that can end */
    if (enc_timer_start(l_loop(core), &nap->timer, deadline)) {
        enc_fail_nomem(&err, "sleep");
        return l_fail(L, &err);
    }
    l_await(L, &nap->wait, (lua_KContext)nap, nap_end);
    return nap_end(L, LUA_OK, (lua_KContext)nap);
}

static int now(lua_State *L) {
    lua_pushnumber(L, (lua_Number)enc_now() / 1e9);
    return 1;
}

static int time_of_day(lua_State *L) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    lua_pushnumber(L, (lua_Number)at.tv_sec + (lua_Number)at.tv_nsec / 1e9);
    return 1;
}

static int pending(lua_State *L) {
    struct l_core *core = l_core(L);
    lua_Integer tasks = 0;
    ENC_LIST_FOR_EACH(task, &core->tasks) tasks++;
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, tasks);
    lua_setfield(L, -2, "tasks");
    lua_pushinteger(L, core->engine ? (lua_Integer)enc_loop_operations(l_loop(core)) : 0);
    lua_setfield(L, -2, "operations");
    return 1;
}

static int drop_idle(lua_State *L) {
    struct l_core *core = l_core(L);
    if (core->engine)
        enc_loop_drop_idle(l_loop(core));
    return 0;
}

static int current(lua_State *L) {
    struct l_core *core = l_core(L);
    if (!core->running) {
        lua_pushnil(L);
        return 1;
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, core);
    lua_rawgetp(L, -1, core->running);
    return 1;
}

const luaL_Reg l_task_functions[] = {{"run", run},
                                     {"spawn", spawn},
                                     {"sleep", sleep_for},
                                     {"now", now},
                                     {"time", time_of_day},
                                     {"pending", pending},
                                     {"drop_idle", drop_idle},
                                     {"current", current},
                                     {NULL, NULL}};
