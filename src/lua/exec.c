/* Sandbox:exec: runs a program to its end, with callbacks for what it prints. Stack: sandbox,
 * options, the run, on_stdout, on_stderr, the error of a callback. */
#include <stdlib.h>

#include "args.h"
#include "lua_run.h"

enum { RUN = 3, ON_STDOUT, ON_STDERR, CALLBACK_ERROR, BASE = CALLBACK_ERROR };

/* A program whose caller was cancelled: the error holds what it had printed. */
static int cancelled(lua_State *L, struct l_run *run) {
    struct enclave_error err;
    enc_fail(&err, ENCLAVE_CANCELLED, "sandbox.exec", "the task was cancelled");
    lua_pushnil(L);
    l_push_error(L, &err);
    if (run->has_result) {
        l_run_push_result(L, run);
        lua_setfield(L, -2, "partial");
    }
    return 2;
}

static int finish(lua_State *L, struct l_run *run) {
    int count;
    if (run->callback_failed) {
        lua_pushnil(L);
        l_push_caught(L, CALLBACK_ERROR, "sandbox.exec");
        count = 2;
    } else if (run->wait.cancelled) {
        count = cancelled(L, run);
    } else if (!run->ended) { /* it could not even be waited for */
        count = l_wait_failed(L, &run->wait, "sandbox.exec");
    } else {
        count = l_run_outcome(L, run);
    }
    l_run_drop(&run->wait); /* the output is in Lua strings now */
    return count;
}

static int step(lua_State *L, int status, lua_KContext context) {
    struct l_run *run = (struct l_run *)context;
    enum enc_stream_id stream;
    for (;;) {
        if (status != LUA_OK && status != LUA_YIELD) {
            lua_replace(L, CALLBACK_ERROR);
            run->callback_failed = true;
            l_run_cancel(run);
            l_run_discard(run);
        }
        lua_settop(L, BASE);
        status = LUA_OK;
        luaL_checkstack(L, 8, "exec");
        lua_pushcfunction(L, l_traceback);
        if ((stream = l_run_take(L, run))) {
            lua_pushvalue(L, stream == ENC_STDOUT ? ON_STDOUT : ON_STDERR);
            lua_insert(L, -2);
            status = lua_pcallk(L, 1, 0, BASE + 1, context, step);
            continue;
        }
        if (run->ended || (run->wait.failed && run->wait.done))
            return finish(L, run);
        run->wait.done = false;
        l_await(L, &run->wait, context, step);
    }
}

static int sandbox_exec(lua_State *L) {
    static const char op[] = "sandbox.exec";
    struct enclave_error err;
    lua_settop(L, 2);
    int refused = l_refuse_cancelled(L, l_core(L), op);
    if (refused)
        return refused;
    struct l_run *run = l_run_start(L, op, false, &err);
    if (!run)
        return l_fail(L, &err);
    lua_replace(L, RUN); /* above the options are only what the spec pointed to */
    lua_settop(L, RUN);
    if (run->takes[ENC_STDOUT])
        l_raw_field(L, 2, "on_stdout");
    lua_settop(L, ON_STDOUT);
    if (run->takes[ENC_STDERR])
        l_raw_field(L, 2, "on_stderr");
    lua_settop(L, BASE);
    return step(L, LUA_OK, (lua_KContext)run);
}

/* The sandbox keeps its runs: one that nobody holds is not killed by the collector. */
static void keep_run(lua_State *L) {
    int run = lua_gettop(L);
    if (lua_getiuservalue(L, 1, 2) != LUA_TTABLE) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, 1, 2);
        lua_replace(L, run + 1);
    }
    for (lua_pushnil(L); lua_next(L, run + 1); lua_pop(L, 1)) {
        if (((struct l_run *)lua_touserdata(L, -2))->ended) {
            lua_pushvalue(L, -2);
            lua_pushnil(L);
            lua_rawset(L, run + 1);
        }
    }
    lua_pushvalue(L, run);
    lua_pushboolean(L, 1);
    lua_rawset(L, run + 1);
    lua_settop(L, run);
}

/* Sandbox:start */
static int sandbox_start(lua_State *L) {
    static const char op[] = "sandbox.start";
    struct enclave_error err;
    lua_settop(L, 2);
    l_check_type(L, 2, LUA_TTABLE, op, "options");
    if (l_raw_field(L, 2, "on_stdout") != LUA_TNIL || l_raw_field(L, 2, "on_stderr") != LUA_TNIL)
        return l_misuse(L, op, "on_stdout, on_stderr: expected with exec; here use Run:read");
    lua_settop(L, 2);
    struct l_run *run = l_run_start(L, op, true, &err);
    if (!run)
        return l_fail(L, &err);
    keep_run(L);
    return 1;
}

const luaL_Reg l_exec_methods[] = {{"exec", sandbox_exec}, {"start", sandbox_start}, {NULL, NULL}};
