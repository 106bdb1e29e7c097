/* The userdata Sandbox: getting one, giving it back, cleaning and describing it. What runs in
 * it is in exec.c and run.c, files are in files.c. */
#include <string.h>

#include "args.h"
#include "lua_run.h"

/* A sandbox that was lent and never seen by its borrower, or one still waited for. */
static void drop(struct l_wait *wait) {
    struct l_sandbox *self = (struct l_sandbox *)wait;
    if (self->queued) {
        self->queued = false;
        enc_waiter_cancel(&self->waiter);
        enc_list_remove(&self->in_owner);
    }
    if (self->sandbox && !self->delivered)
        l_sandbox_release(self, NULL, NULL);
}

struct l_sandbox *l_sandbox_new(lua_State *L, struct l_core *core, enum l_sandbox_kind kind) {
    struct l_sandbox *self = lua_newuserdatauv(L, sizeof *self, 2);
    memset(self, 0, sizeof *self);
    l_wait_init(&self->wait, core, drop);
    self->kind = kind;
    enc_list_init(&self->in_owner);
    enc_list_init(&self->ops);
    enc_list_init(&self->runs);
    luaL_setmetatable(L, L_SANDBOX);
    return self;
}

static void on_gone(void *data) {
    struct l_sandbox *self = data;
    self->watched = false;
    self->end_code = ENCLAVE_LOST;
    l_sandbox_detach(self, "it has died");
}

void l_sandbox_got(struct l_sandbox *self, struct enc_sandbox *sandbox) {
    self->sandbox = sandbox;
    memcpy(self->id, sandbox->id, sizeof self->id);
    if (self->kind == L_OWN) {
        self->watched = true;
        enc_engine_sandbox_on_gone(self->wait.core->engine, sandbox, on_gone, self);
        enc_list_push_back(&self->wait.core->sandboxes, &self->in_owner);
    }
}

/* Ends what is pending. Programs may be left to the end that the sandbox gives them, which
 * keeps their partial output. */
static void end_ops(struct l_sandbox *self, bool leave_runs, const char *why) {
    struct enc_list *first;
    while ((first = enc_list_pop_front(&self->runs)))
        if (!leave_runs)
            l_run_abort(ENC_CONTAINER_OF(first, struct l_run, in_sandbox), why);
    while ((first = enc_list_pop_front(&self->ops))) {
        struct l_wait *op = ENC_CONTAINER_OF(first, struct l_wait, in_source);
        if (op->drop)
            op->drop(op);
        l_wait_fail_code(op, ENCLAVE_CLOSED, "sandbox", why);
    }
}

void l_sandbox_detach(struct l_sandbox *self, const char *why) {
    struct l_core *core = self->wait.core;
    enc_list_remove(&self->in_owner);
    if (self->queued) {
        self->queued = false;
        enc_waiter_cancel(&self->waiter);
        l_wait_fail_code(&self->wait, ENCLAVE_CANCELLED, "pool.acquire", why);
    }
    end_ops(self, self->kind != L_SHOWN, why);
    if (self->sandbox && self->watched && core->engine)
        enc_engine_sandbox_on_gone(core->engine, self->sandbox, NULL, NULL);
    self->watched = false;
    if (self->shown_at)
        *self->shown_at = NULL;
    self->shown_at = NULL;
    self->sandbox = NULL;
    self->pool = NULL;
    if (!self->end_code)
        self->end_code = ENCLAVE_CLOSED;
}

void l_sandbox_release(struct l_sandbox *self, const char *retire, struct l_latch *latch) {
    struct l_core *core = self->wait.core;
    struct enc_sandbox *sandbox = self->sandbox;
    struct l_pool *pool = self->pool;
    if (!sandbox)
        return;
    if (self->kind == L_BORROWED)
        end_ops(self, false, "the sandbox was given back");
    l_sandbox_detach(self, "the sandbox was closed");
    if (self->kind == L_BORROWED)
        enc_pool_release(pool->pool, sandbox, retire);
    else if (self->kind == L_OWN)
        enc_engine_sandbox_remove(core->engine, sandbox, latch ? l_latch_open : NULL, latch);
}

void l_sandboxes_close(struct l_core *core) {
    while (!enc_list_empty(&core->sandboxes)) {
        struct l_sandbox *self = ENC_CONTAINER_OF(core->sandboxes.next, struct l_sandbox, in_owner);
        l_sandbox_release(self, NULL, l_latch_new(core, NULL));
    }
}

/* One that is shown to a hook may die and go at any time: the pool knows. */
static bool still_there(struct l_sandbox *self) {
    if (self->kind != L_SHOWN)
        return true;
    if (self->pool && self->pool->pool && enc_pool_find(self->pool->pool, self->id))
        return true;
    self->end_code = ENCLAVE_LOST;
    l_sandbox_detach(self, "it has died");
    return false;
}

struct l_sandbox *l_sandbox_open(lua_State *L, const char *op, struct enclave_error *err) {
    struct l_sandbox *self = l_self(L, 1, L_SANDBOX, op);
    if (self->sandbox && still_there(self))
        return self;
    enc_fail(err,
             self->end_code ? self->end_code : ENCLAVE_CLOSED,
             op,
             "the sandbox %s",
             self->end_code == ENCLAVE_LOST ? "has died" : "was closed");
    return NULL;
}

/* ---- methods -------------------------------------------------------------------------------- */

static void push_report(lua_State *L, const struct enc_reset_report *report) {
    lua_createtable(L, 0, 4);
    lua_pushnumber(L, (lua_Number)report->ns / 1e9);
    lua_setfield(L, -2, "seconds");
    lua_pushinteger(L, report->processes);
    lua_setfield(L, -2, "processes");
    lua_pushinteger(L, report->files);
    lua_setfield(L, -2, "files");
    lua_pushinteger(L, report->ipc);
    lua_setfield(L, -2, "ipc");
}

static int sandbox_index(lua_State *L) {
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (strcmp(key, "id") == 0) {
        struct l_sandbox *self = l_self(L, 1, L_SANDBOX, "sandbox");
        lua_pushstring(L, self->id);
        return 1;
    }
    if (strcmp(key, "last_reset") == 0) {
        struct l_sandbox *self = l_self(L, 1, L_SANDBOX, "sandbox");
        if (self->sandbox && still_there(self) && self->sandbox->last_reset.ns)
            push_report(L, &self->sandbox->last_reset);
        else
            lua_pushnil(L);
        return 1;
    }
    lua_settop(L, 2);
    lua_rawget(L, lua_upvalueindex(2));
    return 1;
}

static int close_end(lua_State *L, int status, lua_KContext context) {
    (void)status;
    int failed = l_wait_failed(L, (struct l_wait *)context, "sandbox.close");
    if (failed)
        return failed;
    lua_pushboolean(L, true);
    return 1;
}

static void forget_latch(struct l_wait *wait) {
    l_latch_forget(wait->core, wait);
}

static int close_with(lua_State *L, struct l_sandbox *self, const char *retire) {
    struct l_core *core = self->wait.core;
    if (!self->sandbox || self->kind != L_OWN) {
        l_sandbox_release(self, retire, NULL);
        lua_pushboolean(L, true);
        return 1;
    }
    struct l_wait *wait = l_new_wait(L, core, sizeof *wait, forget_latch);
    struct l_latch *latch = self->sandbox ? l_latch_new(core, wait) : NULL;
    l_sandbox_release(self, NULL, latch);
    if (latch)
        l_await(L, wait, (lua_KContext)wait, close_end);
    return close_end(L, LUA_OK, (lua_KContext)wait);
}

static int sandbox_close(lua_State *L) {
    struct l_sandbox *self = l_self(L, 1, L_SANDBOX, "sandbox.close");
    const char *retire =
        lua_isnoneornil(L, 2) ? NULL : l_check_string(L, 2, "sandbox.close", "retire");
    return close_with(L, self, retire);
}

static int sandbox_leave(lua_State *L) {
    return close_with(L, l_self(L, 1, L_SANDBOX, "sandbox.close"), NULL);
}

static int sandbox_gc(lua_State *L) {
    struct l_sandbox *self = l_self(L, 1, L_SANDBOX, "sandbox");
    if (self->wait.core->engine)
        l_sandbox_release(self, "leaked", NULL);
    l_sandbox_detach(self, "the sandbox was closed");
    l_wait_end(&self->wait);
    return 0;
}

static int sandbox_describe(lua_State *L) {
    struct enclave_error err;
    struct l_sandbox *self = l_sandbox_open(L, "sandbox.describe", &err);
    if (!self)
        return l_fail(L, &err);
    l_push_json(L, enc_sandbox_describe(self->sandbox));
    return 1;
}

static int sandbox_status(lua_State *L) {
    struct l_sandbox *self = l_self(L, 1, L_SANDBOX, "sandbox.status");
    if (self->sandbox && still_there(self))
        lua_pushstring(L, enc_sandbox_state_name(self->sandbox->state));
    else
        lua_pushstring(L, self->end_code == ENCLAVE_LOST ? "error" : "stopped");
    return 1;
}

/* ---- reset ---------------------------------------------------------------------------------- */

/* The sandbox may answer after the caller has gone: a record in between. */
struct reset {
    struct l_wait wait;
    struct enc_reset_report report;
};

static void on_reset(void *data,
                     const struct enc_reset_report *report,
                     const struct enclave_error *err) {
    struct l_latch *latch = data;
    struct reset *reset = (struct reset *)latch->wait;
    if (reset) {
        if (report)
            reset->report = *report;
        if (err)
            l_wait_fail(&reset->wait, err);
    }
    l_latch_open(latch);
}

static int reset_end(lua_State *L, int status, lua_KContext context) {
    struct reset *reset = (struct reset *)context;
    (void)status;
    int failed = l_wait_failed(L, &reset->wait, "sandbox.reset");
    if (failed)
        return failed;
    push_report(L, &reset->report);
    return 1;
}

static int sandbox_reset(lua_State *L) {
    static const char op[] = "sandbox.reset";
    struct enclave_error err;
    struct l_core *core = l_core(L);
    int refused = l_refuse_cancelled(L, core, op);
    if (refused)
        return refused;
    struct reset *reset = l_new_wait(L, core, sizeof *reset, forget_latch);
    struct l_sandbox *self = l_sandbox_open(L, op, &err);
    if (!self)
        return l_fail(L, &err);
    struct l_latch *latch = l_latch_new(core, &reset->wait);
    if (!latch)
        return luaL_error(L, "not enough memory");
    if (enc_sandbox_reset(self->sandbox, on_reset, latch, &err)) {
        latch->wait = NULL;
        l_latch_open(latch);
        return l_fail(L, &err);
    }
    enc_list_push_back(&self->ops, &reset->wait.in_source);
    l_await(L, &reset->wait, (lua_KContext)reset, reset_end);
    return reset_end(L, LUA_OK, (lua_KContext)reset);
}

void l_sandbox_class(lua_State *L, struct l_core *core) {
    static const luaL_Reg methods[] = {{"close", sandbox_close},
                                       {"describe", sandbox_describe},
                                       {"status", sandbox_status},
                                       {"reset", sandbox_reset},
                                       {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__close", sandbox_leave}, {"__gc", sandbox_gc}, {NULL, NULL}};
    l_class(L, core, L_SANDBOX, methods, meta);
    lua_getfield(L, -1, "__index");
    l_functions(L, core, l_file_methods);
    l_functions(L, core, l_exec_methods);
    lua_pushlightuserdata(L, core);
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, sandbox_index, 2);
    lua_setfield(L, -3, "__index");
    lua_setfield(L, -2, "methods");
    lua_pop(L, 1);
}
