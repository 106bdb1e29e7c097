/* The scheduler: one FIFO of ready tasks, one lua_resume, one lua_yieldk. Tasks are resumed
 * only here, in the driver loop, never inside a callback of the loop; so a driver loop may
 * run inside another one (a foreign coroutine or a plain script that waits). */
#include "lua_job.h"

/* Deeper driver loops resume no tasks: they only turn the loop for their own wait, which
 * keeps the C stack far from Lua's limit of nested calls. */
#define MAX_DEPTH 16

static const char sentinel = 0;

static int yield(lua_State *L, int nresults, lua_KContext context, lua_KFunction k) {
    return lua_yieldk(L, nresults, context, k);
}

int l_suspend(lua_State *L, lua_KContext context, lua_KFunction k) {
    luaL_checkstack(L, 1, "wait");
    lua_pushlightuserdata(L, (void *)&sentinel);
    return yield(L, 1, context, k);
}

void enc_lua_stop_here(lua_State *L) {
    struct l_core *core = enc_lua_core(L);
    if (core->running && core->running->co == L && lua_isyieldable(L)) {
        lua_sethook(L, NULL, 0, 0); /* its to-be-closed variables will run */
        yield(L, 0, 0, NULL);
        return;
    }
    /* Its to-be-closed variables get time to run before the next attempt. */
    lua_sethook(L, lua_gethook(L), LUA_MASKCOUNT, 1000000);
    luaL_error(L, "interrupted");
}

static void resume(lua_State *L, struct l_core *core, struct l_task *task) {
    lua_State *before = core->current;
    int nresults = 0, nargs = task->started ? 0 : task->nargs + 1;
    if (!task->started && task->cancelled) {
        l_task_kill(L, task);
        return;
    }
    lua_Debug frame;
    if (task->started && lua_status(task->co) == LUA_OK && lua_getstack(task->co, 0, &frame))
        return; /* someone else resumed it by hand and it runs just now */
    if (task->waiting) {
        task->waiting->task = NULL;
        task->waiting = NULL;
    }
    task->started = true;
    core->running = task;
    core->current = task->co;
    int status = lua_resume(task->co, L, nargs, &nresults);
    core->current = before;
    core->running = NULL;
    if (status != LUA_YIELD) {
        l_task_ended(L, task, status, nresults);
        return;
    }
    bool waits = nresults == 1 && lua_touserdata(task->co, -1) == (const void *)&sentinel;
    lua_pop(task->co, nresults);
    if (!waits) /* a plain coroutine.yield: let the others run */
        l_task_ready(task);
}

/* Takes the call out of where it is. */
static int run_call(lua_State *L) {
    struct l_call **at = lua_touserdata(L, 1), *call = *at;
    *at = NULL;
    lua_settop(L, 0);
    call->run(L, call);
    return 0;
}

void l_run_calls(lua_State *L, struct l_core *core) {
    struct enc_list *first;
    while ((first = enc_list_pop_front(&core->calls))) {
        struct l_call *call = ENC_CONTAINER_OF(first, struct l_call, in_calls);
        if (!lua_checkstack(L, 4)) {
            call->drop(call);
            continue;
        }
        lua_pushcfunction(L, run_call);
        lua_pushlightuserdata(L, &call);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
            const char *why = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "an error";
            enc_log(l_log(core), ENC_LOG_ERROR, "%s", why);
            lua_pop(L, 1);
        }
        if (call) /* there was no stack to call it */
            call->drop(call);
    }
}

/* Those that are ready now: one that becomes ready meanwhile waits for the next round, after
 * the loop had its turn. Nested driver loops take from the same queue. */
static void run_ready(lua_State *L, struct l_core *core, const struct l_wait *wait) {
    size_t count = 0;
    ENC_LIST_FOR_EACH(cursor, &core->ready)
    count++;
    while (count-- > 0 && !wait->done && !(core->interrupted && !core->closing)) {
        struct enc_list *first = enc_list_pop_front(&core->ready);
        if (!first)
            return;
        resume(L, core, ENC_CONTAINER_OF(first, struct l_task, in_ready));
    }
}

static bool nothing_pending(struct l_core *core) {
    struct enc_loop *loop = l_loop(core);
    /* A host program's loop may have handles of the program, which may call back here. */
    return enc_loop_operations(loop) == 0 && enc_list_empty(&core->calls) &&
           (core->own_engine || !uv_loop_alive(enc_loop_uv(loop)));
}

/* NULL, or why the wait is given up. */
static const char *turn(lua_State *L, struct l_wait *wait, enum enclave_code *code) {
    struct l_core *core = wait->core;
    bool shallow = core->depth <= MAX_DEPTH, resumes = shallow && !core->closing;
    *code = ENCLAVE_CANCELLED;
    if (core->interrupted && !core->closing)
        return "interrupted";
    if (core->closing && enc_deadline_left(core->close_by) == 0)
        return "the Lua state is closing";
    l_run_calls(L, core);
    if (resumes)
        run_ready(L, core, wait);
    if (wait->done || (core->interrupted && !core->closing))
        return NULL;
    bool idle = (!resumes || enc_list_empty(&core->ready)) && enc_list_empty(&core->calls);
    if (idle && nothing_pending(core)) {
        /* That someone has closed a task's coroutine by hand, its collected wait tells. */
        lua_gc(L, LUA_GCCOLLECT);
        if (wait->done || (resumes && !enc_list_empty(&core->ready)) || !nothing_pending(core))
            return NULL;
        *code = ENCLAVE_INTERNAL;
        return shallow ? "deadlock: nothing is pending that could end this wait"
                       : "too many waits inside each other outside of tasks";
    }
    enc_loop_turn(l_loop(core), idle);
    return NULL;
}

void l_drive(lua_State *L, struct l_wait *wait) {
    struct l_core *core = wait->core;
    struct l_task *self = core->running;
    struct l_budget *budget = core->budget;
    const char *why = NULL;
    enum enclave_code code;
    core->running = NULL;
    core->budget = NULL;
    core->depth++;
    while (!wait->done && !why)
        why = turn(L, wait, &code);
    core->depth--;
    core->running = self;
    core->budget = budget;
    if (self)
        self->waiting = NULL;
    wait->task = NULL;
    if (!why)
        return;
    enc_list_remove(&wait->in_source);
    if (wait->drop)
        wait->drop(wait);
    struct enclave_error err;
    enc_fail(&err, code, "wait", "%s", why);
    l_push_error(L, &err);
    lua_error(L);
}

static int pump(lua_State *L) {
    static const struct l_wait endless;
    struct l_core *core = lua_touserdata(L, 1);
    lua_settop(L, 0);
    l_run_calls(L, core);
    if (!core->closing)
        run_ready(L, core, &endless);
    l_task_log_failures(L, core);
    return 0;
}

bool enc_lua_pump(lua_State *L, struct l_core *core) {
    lua_pushcfunction(L, pump);
    lua_pushlightuserdata(L, core);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        enc_log(l_log(core), ENC_LOG_ERROR, "a task could not be run: out of memory");
        lua_pop(L, 1);
    }
    return !enc_list_empty(&core->calls) || !enc_list_empty(&core->ready);
}
