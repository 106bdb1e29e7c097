/* core.bounded: a protected call that is stopped after so many instructions of the Lua machine,
 * counted over the call and all coroutines and tasks that it starts. A call may be inside
 * another; it counts for both. Time that is spent waiting, or in C, costs nothing. */
#include <stdlib.h>

#include "args.h"

#define L_BUDGET "enclave.Budget"

#define STEP  1000 /* instructions between looks */
#define TRIES 8    /* errors that a call may catch before each of its instructions fails */

struct l_budget {
    struct l_budget *outer;
    size_t refs;
    lua_Integer limit, used;
    int tripped;
};

/* What ends with the call, also when its coroutine is closed: index 1 of core.bounded. */
struct frame {
    struct l_budget *budget;
    lua_Hook hook; /* that was there before */
    int mask, count;
};

struct l_budget *l_budget_share(struct l_core *core) {
    struct l_budget *budget = core->running ? core->running->budget : core->budget;
    if (budget) {
        budget->refs++;
        budget->used += STEP; /* a task takes memory: a loop that starts them ends sooner */
    }
    return budget;
}

void l_budget_drop(struct l_budget *budget) {
    while (budget && --budget->refs == 0) {
        struct l_budget *outer = budget->outer;
        free(budget);
        budget = outer;
    }
}

/* To-be-closed variables have time to run before the next error, unless errors are caught again
 * and again. */
static int patience(int tripped) {
    return tripped < TRIES ? 1000000 / tripped : 1;
}

static void on_count(lua_State *L, lua_Debug *where) {
    struct l_core *core = enc_lua_core(L);
    struct l_task *task = core->running;
    struct l_budget *budget = task ? task->budget : core->budget, *over = NULL;
    if (!budget) { /* a coroutine that outlived its call */
        lua_sethook(L, NULL, 0, 0);
        return;
    }
    int step = lua_gethookcount(L);
    for (struct l_budget *b = budget; b; b = b->outer) {
        b->used += step;
        if (b->used > b->limit)
            over = b;
    }
    if (!over) {
        if (step != STEP)
            lua_sethook(L, on_count, LUA_MASKCOUNT, STEP);
        return;
    }
    int next = patience(++over->tripped);
    lua_sethook(L, on_count, LUA_MASKCOUNT, next);
    if (task && task->co != L) /* what it makes next inherits from here */
        lua_sethook(task->co, on_count, LUA_MASKCOUNT, next);
    lua_getinfo(L, "Sl", where);
    lua_pushfstring(L,
                    "%s:%d: stopped after %I instructions, the most that one call may execute",
                    where->short_src,
                    where->currentline,
                    (LUAI_UACINT)over->limit);
    lua_error(L);
}

void l_budget_bind(lua_State *co, const struct l_budget *budget) {
    if (budget && lua_gethook(co) != on_count)
        lua_sethook(co, on_count, LUA_MASKCOUNT, STEP);
    else if (!budget && lua_gethook(co) == on_count)
        lua_sethook(co, NULL, 0, 0);
}

static int frame_gc(lua_State *L) {
    struct frame *frame = luaL_checkudata(L, 1, L_BUDGET);
    l_budget_drop(frame->budget);
    frame->budget = NULL;
    return 0;
}

/* The frame is at index 1, the message handler at 2, what was returned or thrown above. */
static int bounded_end(lua_State *L, int status, lua_KContext context) {
    struct l_core *core = (struct l_core *)context;
    struct frame *frame = lua_touserdata(L, 1);
    struct l_budget **current = core->running ? &core->running->budget : &core->budget;
    if (*current == frame->budget) {
        *current = frame->budget->outer;
        if (*current)
            (*current)->refs++;
        l_budget_drop(frame->budget);
    }
    if (lua_gethook(L) == on_count) /* else someone else's: that of an interrupt */
        lua_sethook(L, frame->hook, frame->mask, frame->count);
    lua_pushboolean(L, status == LUA_OK || status == LUA_YIELD);
    lua_replace(L, 2);
    return lua_gettop(L) - 1;
}

/* bounded(limit, fn, ...) */
static int bounded(lua_State *L) {
    struct l_core *core = l_core(L);
    lua_Integer limit = l_check_integer(L, 1, "bounded", "limit");
    l_check_type(L, 2, LUA_TFUNCTION, "bounded", "fn");
    struct frame *frame = lua_newuserdatauv(L, sizeof *frame, 0);
    *frame = (struct frame){.hook = lua_gethook(L)};
    if (luaL_newmetatable(L, L_BUDGET)) {
        lua_pushcfunction(L, frame_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    lua_replace(L, 1);
    lua_pushcfunction(L, l_traceback);
    lua_insert(L, 2);
    frame->budget = calloc(1, sizeof *frame->budget);
    if (!frame->budget)
        return luaL_error(L, "not enough memory");
    if (frame->hook) {
        frame->mask = lua_gethookmask(L);
        frame->count = lua_gethookcount(L);
    }
    struct l_budget **current = core->running ? &core->running->budget : &core->budget;
    frame->budget->limit = limit;
    frame->budget->outer = *current;
    frame->budget->refs = 2; /* the frame's and the running code's */
    *current = frame->budget;
    if (!frame->hook || frame->hook == on_count)
        lua_sethook(L, on_count, LUA_MASKCOUNT, STEP);
    int status = lua_pcallk(L, lua_gettop(L) - 3, LUA_MULTRET, 2, (lua_KContext)core, bounded_end);
    return bounded_end(L, status, (lua_KContext)core);
}

const luaL_Reg l_budget_functions[] = {{"bounded", bounded}, {NULL, NULL}};
