/* The userdata Run: a program that was started and goes on by itself. */
#include <stdlib.h>

#include "args.h"
#include "lua_run.h"

static struct l_run *self(lua_State *L, const char *op) {
    return l_self(L, 1, L_RUN, op);
}

/* A wait until something happens to the run; left on the stack. */
static struct l_wait *watch(lua_State *L, struct l_run *run) {
    struct l_wait *wait = l_new_wait(L, run->wait.core, sizeof *wait, NULL);
    if (run->ended || !enc_list_empty(&run->chunks))
        l_wake(wait); /* in a finalizer that waited */
    else
        enc_list_push_back(&run->watchers, &wait->in_source);
    return wait;
}

/* ---- read: the run at 1, a wait at 2 ------------------------------------------------------ */

static int read_step(lua_State *L, int status, lua_KContext context) {
    struct l_run *run = self(L, "run.read");
    struct l_wait *wait = (struct l_wait *)context;
    (void)status;
    for (;;) {
        int failed = wait ? l_wait_failed(L, wait, "run.read") : 0;
        if (failed)
            return failed;
        enum enc_stream_id stream = l_run_take(L, run);
        if (stream) {
            lua_pushstring(L, stream == ENC_STDOUT ? "stdout" : "stderr");
            lua_insert(L, -2);
            return 2;
        }
        if (run->ended)
            return 0;
        lua_settop(L, 1);
        wait = watch(L, run);
        l_await(L, wait, (lua_KContext)wait, read_step);
    }
}

static int run_read(lua_State *L) {
    lua_settop(L, 1);
    int refused = l_refuse_cancelled(L, l_core(L), "run.read");
    return refused ? refused : read_step(L, LUA_OK, 0);
}

/* ---- wait ------------------------------------------------------------------------------------ */

static int wait_step(lua_State *L, int status, lua_KContext context) {
    struct l_run *run = self(L, "run.wait");
    struct l_wait *wait = (struct l_wait *)context;
    (void)status;
    for (;;) {
        int failed = wait ? l_wait_failed(L, wait, "run.wait") : 0;
        if (failed)
            return failed;
        if (run->ended)
            return l_run_outcome(L, run);
        lua_settop(L, 1);
        wait = watch(L, run);
        l_await(L, wait, (lua_KContext)wait, wait_step);
    }
}

static int run_wait(lua_State *L) {
    struct l_run *run = self(L, "run.wait");
    lua_settop(L, 1);
    if (!run->ended) {
        int refused = l_refuse_cancelled(L, l_core(L), "run.wait");
        if (refused)
            return refused;
        l_run_discard(run); /* what was not read would hold it back for ever */
    }
    return wait_step(L, LUA_OK, 0);
}

/* ---- input and the end --------------------------------------------------------------------- */

static int run_write(lua_State *L) {
    struct l_run *run = self(L, "run.write");
    struct enclave_error err;
    size_t len;
    const char *bytes = l_check_bytes(L, 2, "run.write", "bytes", &len);
    if (!run->run) {
        enc_fail(&err, ENCLAVE_CLOSED, "run.write", "the program has ended");
        return l_fail(L, &err);
    }
    if (enc_run_input(run->run, bytes, len, &err))
        return l_fail(L, &err);
    lua_pushboolean(L, true);
    return 1;
}

static int run_close_input(lua_State *L) {
    struct l_run *run = self(L, "run.close_input");
    if (run->run)
        enc_run_input_end(run->run);
    return 0;
}

static int run_cancel(lua_State *L) {
    l_run_cancel(self(L, "run.cancel"));
    return 0;
}

static int run_close(lua_State *L) {
    l_run_abort(self(L, "run.close"), "the run was closed");
    return 0;
}

static int run_gc(lua_State *L) {
    struct l_run *run = self(L, "run");
    if (run->run && run->wait.core->closed)
        run->run = NULL; /* it went with the engine */
    l_wait_end(&run->wait);
    free(run->error);
    run->error = NULL;
    return 0;
}

void l_run_class(lua_State *L, struct l_core *core) {
    static const luaL_Reg methods[] = {{"read", run_read},
                                       {"write", run_write},
                                       {"close_input", run_close_input},
                                       {"wait", run_wait},
                                       {"cancel", run_cancel},
                                       {"close", run_close},
                                       {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__close", run_close}, {"__gc", run_gc}, {NULL, NULL}};
    l_class(L, core, L_RUN, methods, meta);
    lua_pop(L, 1);
}
