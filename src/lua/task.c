/* Tasks: coroutines that the scheduler started, and what Lua can do with them. */
#include <string.h>

#include "args.h"

int l_traceback(lua_State *L) {
    const char *message = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : NULL;
    if (!message) {
        if (lua_istable(L, 1) || lua_isuserdata(L, 1))
            return 1;
        if (lua_type(L, 1) == LUA_TNUMBER)
            message = lua_tostring(L, 1);
        else
            message = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
    }
    luaL_traceback(L, L, message, 1);
    return 1;
}

/* What remains on the stack: whether it went well, and the results or the error. */
static int body_end(lua_State *L, int status, lua_KContext context) {
    (void)context;
    lua_pushboolean(L, status == LUA_OK || status == LUA_YIELD);
    lua_replace(L, 1);
    return lua_gettop(L);
}

int l_task_body(lua_State *L) {
    lua_pushcfunction(L, l_traceback);
    lua_insert(L, 1);
    return body_end(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, 0, body_end), 0);
}

struct l_task *l_spawn(lua_State *L, struct l_core *core, int nargs) {
    if (core->closing)
        luaL_error(L, "closed: the Lua state is closing");
    luaL_checkstack(L, 6, "spawn");
    struct l_task *task = lua_newuserdatauv(L, sizeof *task, 1);
    memset(task, 0, sizeof *task);
    task->core = core;
    task->nargs = nargs;
    enc_list_init(&task->in_ready);
    enc_list_init(&task->in_tasks);
    enc_list_init(&task->in_failed);
    enc_list_init(&task->joiners);
    task->status = L_TASK_DONE;
    luaL_setmetatable(L, L_TASK);
    task->co = lua_newthread(L);
    lua_setiuservalue(L, -2, 1);
    if (!lua_checkstack(task->co, nargs + 8))
        luaL_error(L, "too many arguments for a task");
    /* The registry keeps a running task alive. */
    lua_rawgetp(L, LUA_REGISTRYINDEX, core);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, task);
    lua_pop(L, 1);
    lua_insert(L, -(nargs + 2));
    lua_pushcfunction(task->co, l_task_body);
    lua_xmove(L, task->co, nargs + 1);
    task->budget = l_budget_share(core);
    l_budget_bind(task->co, task->budget);
    task->status = L_TASK_RUNNING;
    enc_list_push_back(&core->tasks, &task->in_tasks);
    l_task_ready(task);
    return task;
}

void l_task_ready(struct l_task *task) {
    if (task->status == L_TASK_RUNNING && enc_list_empty(&task->in_ready))
        enc_list_push_back(&task->core->ready, &task->in_ready);
}

void l_task_cancel(struct l_task *task) {
    if (task->status != L_TASK_RUNNING || task->cancelled)
        return;
    task->cancelled = true;
    if (task->waiting)
        l_wait_cancel(task->waiting);
}

static void settle(lua_State *L, struct l_task *task, enum l_task_status status) {
    struct l_core *core = task->core;
    task->status = status;
    l_budget_drop(task->budget);
    task->budget = NULL;
    if (task->waiting) {
        task->waiting->task = NULL;
        task->waiting = NULL;
    }
    enc_list_remove(&task->in_ready);
    enc_list_remove(&task->in_tasks);
    if (task->on_end) {
        task->seen = true;
        task->on_end(task, task->data);
    } else if (status == L_TASK_FAILED) {
        enc_list_push_back(&core->failed, &task->in_failed);
    }
    l_wake_all(&task->joiners);
    if (lua_checkstack(L, 3)) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, core);
        lua_pushnil(L);
        lua_rawsetp(L, -2, task);
        lua_pop(L, 1);
    }
}

void l_task_ended(lua_State *L, struct l_task *task, int status, int nresults) {
    lua_State *co = task->co;
    bool good = status == LUA_OK;
    if (task->status != L_TASK_RUNNING)
        return; /* killed while it ran, by the end of the state: that was told */
    if (good) {
        good = lua_toboolean(co, -nresults);
        lua_remove(co, -nresults);
        task->nresults = nresults - 1;
    } else { /* not even the body could catch it: no memory, no C stack, a dead coroutine */
        lua_checkstack(L, 1);
        lua_xmove(co, L, 1);
        lua_resetthread(co);
        lua_settop(co, 0);
        lua_xmove(L, co, 1);
        task->nresults = 1;
    }
    bool cancelled =
        task->cancelled && (good ? task->nresults >= 2 && lua_isnil(co, -task->nresults) &&
                                       l_is_code(co, 1 - task->nresults, "cancelled")
                                 : l_is_code(co, -1, "cancelled"));
    settle(L, task, cancelled ? L_TASK_CANCELLED : good ? L_TASK_DONE : L_TASK_FAILED);
}

bool l_task_is_whole(const struct l_task *task) {
    return lua_gettop(task->co) == task->nresults;
}

void l_task_kill(lua_State *L, struct l_task *task) {
    struct l_wait *wait = task->waiting;
    lua_Debug frame;
    if (task->status != L_TASK_RUNNING)
        return;
    if (wait) {
        task->waiting = NULL;
        wait->task = NULL;
        enc_list_remove(&wait->in_source);
        if (wait->drop)
            wait->drop(wait);
    }
    task->cancelled = true;
    /* One that is on the C stack (os.exit in a task) cannot be unwound from here. */
    bool active = lua_status(task->co) == LUA_OK && lua_getstack(task->co, 0, &frame);
    if (!active) {
        lua_resetthread(task->co);
        lua_settop(task->co, 0);
    }
    task->nresults = 0;
    settle(L, task, L_TASK_CANCELLED);
}

void l_task_log_failure(lua_State *L, struct l_task *task) {
    (void)L;
    enc_list_remove(&task->in_failed);
    if (task->seen || !l_task_is_whole(task))
        return;
    task->seen = true;
    struct enclave_error err;
    l_to_error(task->co, -1, "task", &err);
    enc_log(l_log(task->core), ENC_LOG_ERROR, "a task that nobody joined failed: %s", err.message);
}

void l_task_log_failures(lua_State *L, struct l_core *core) {
    while (!enc_list_empty(&core->failed))
        l_task_log_failure(L, ENC_CONTAINER_OF(core->failed.next, struct l_task, in_failed));
}

/* ---- methods --------------------------------------------------------------------- */

static struct l_task *self(lua_State *L, const char *op) {
    return l_self(L, 1, L_TASK, op);
}

/* Copies the results of an ended task to L. */
static int results(lua_State *L, struct l_task *task) {
    lua_State *co = task->co;
    int count = task->nresults;
    luaL_checkstack(L, count + 2, "too many results");
    if (!lua_checkstack(co, count + 1))
        return luaL_error(L, "too many results");
    for (int i = 0; i < count; i++)
        lua_pushvalue(co, -count);
    lua_xmove(co, L, count);
    return count;
}

struct join {
    struct l_wait wait;
    struct enc_timer timer;
};

static void join_drop(struct l_wait *wait) {
    l_timer_stop(wait->core, &((struct join *)wait)->timer);
}

static void join_late(struct enc_timer *timer) {
    struct join *join = ENC_CONTAINER_OF(timer, struct join, timer);
    l_wait_fail_code(&join->wait, ENCLAVE_TIMEOUT, "task.join", "the task is still running");
}

/* The wait is at index 2 or, when the task had ended, there is none. */
static int outcome(lua_State *L, struct l_task *task) {
    struct enclave_error err;
    task->seen = true;
    enc_list_remove(&task->in_failed);
    if (!l_task_is_whole(task)) {
        enc_fail(&err, ENCLAVE_INTERNAL, "task.join", "its ended coroutine was resumed by hand");
        return l_fail(L, &err);
    }
    if (task->status == L_TASK_DONE) {
        lua_pushboolean(L, true);
        return 1 + results(L, task);
    }
    if (task->status == L_TASK_CANCELLED) {
        enc_fail(&err, ENCLAVE_CANCELLED, "task.join", "the task was cancelled");
        return l_fail(L, &err);
    }
    lua_pushnil(L);
    results(L, task);
    l_push_caught(L, -1, "task");
    lua_remove(L, -2);
    return 2;
}

static int join_end(lua_State *L, int status, lua_KContext context) {
    struct join *join = (struct join *)context;
    (void)status;
    join_drop(&join->wait);
    int failed = l_wait_failed(L, &join->wait, "task.join");
    return failed ? failed : outcome(L, self(L, "task.join"));
}

static struct join *join_start(lua_State *L, struct l_task *task) {
    struct join *join = l_new_wait(L, task->core, sizeof *join, join_drop);
    join->timer.fire = join_late;
    if (task->status == L_TASK_RUNNING)
        enc_list_push_back(&task->joiners, &join->wait.in_source);
    else
        l_wake(&join->wait); /* it has ended meanwhile, in a finalizer that waited */
    return join;
}

static int task_join(lua_State *L) {
    struct l_task *task = self(L, "task.join");
    struct l_core *core = task->core;
    struct enclave_error err;
    enc_deadline deadline;
    if (l_read_timeout(L, 2, "task.join", "timeout", &deadline, &err))
        return l_fail(L, &err);
    if (task->status != L_TASK_RUNNING)
        return outcome(L, task);
    if (task == core->running)
        return l_misuse(L, "task.join", "self: a task: expected another one than the running");
    int refused = l_refuse_cancelled(L, core, "task.join");
    if (refused)
        return refused;
    if (!l_engine(core, &err))
        return l_fail(L, &err);
    struct join *join = join_start(L, task);
    if (join->wait.done)
        return outcome(L, task);
    if (enc_timer_start(l_loop(core), &join->timer, deadline)) {
        enc_fail_nomem(&err, "task.join");
        return l_fail(L, &err);
    }
    l_await(L, &join->wait, (lua_KContext)join, join_end);
    return join_end(L, LUA_OK, (lua_KContext)join);
}

static int task_cancel(lua_State *L) {
    l_task_cancel(self(L, "task.cancel"));
    return 0;
}

static int task_status(lua_State *L) {
    static const char *const names[] = {"running", "done", "failed", "cancelled"};
    lua_pushstring(L, names[self(L, "task.status")->status]);
    return 1;
}

/* __close: cancelled, and ended when the scope is left. */
static int close_end(lua_State *L, int status, lua_KContext context) {
    (void)L, (void)status;
    join_drop((struct l_wait *)context);
    return 0;
}

static int task_close(lua_State *L) {
    struct l_task *task = self(L, "task.close");
    l_task_cancel(task);
    if (task->status != L_TASK_RUNNING || task == task->core->running || task->core->closing)
        return 0;
    struct join *join = join_start(L, task);
    l_await(L, &join->wait, (lua_KContext)join, close_end);
    return 0;
}

static int task_gc(lua_State *L) {
    struct l_task *task = self(L, "task");
    if (task->status == L_TASK_FAILED && !task->seen && !task->core->closed)
        l_task_log_failure(L, task);
    enc_list_remove(&task->in_failed);
    if (task->status == L_TASK_RUNNING) { /* the registry keeps those: the state is closing */
        l_close(L, task->core);
        l_task_kill(L, task);
    }
    return 0;
}

void l_task_class(lua_State *L, struct l_core *core) {
    static const luaL_Reg methods[] = {
        {"join", task_join}, {"cancel", task_cancel}, {"status", task_status}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__close", task_close}, {"__gc", task_gc}, {NULL, NULL}};
    l_class(L, core, L_TASK, methods, meta);
    lua_pop(L, 1);
}
