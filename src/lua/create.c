/* core.sandbox: a sandbox of its own. Stack: driver, driver options, config, progress, the
 * userdata Sandbox, the operation. */
#include "args.h"
#include "lua_pool.h"

struct creation {
    struct l_wait wait;
    struct l_progress progress;
    struct enc_creation *creation;
    struct l_sandbox *made;
};

static void drop(struct l_wait *wait) {
    struct creation *self = (struct creation *)wait;
    struct enc_creation *creation = self->creation;
    self->creation = NULL;
    l_progress_drop(&self->progress);
    if (creation && wait->core->engine)
        enc_creation_cancel(creation);
}

static void on_progress(
    void *data, const char *what, const char *part, long long current, long long total) {
    l_progress_add(&((struct creation *)data)->progress, what, part, current, total);
}

static void on_done(void *data, struct enc_sandbox *sandbox, const struct enclave_error *err) {
    struct creation *self = data;
    self->creation = NULL;
    self->progress.ended = true;
    if (sandbox) {
        l_sandbox_got(self->made, sandbox);
        l_wake(&self->wait);
    } else {
        l_wait_fail(&self->wait, err);
    }
}

static int step(lua_State *L, int status, lua_KContext context) {
    struct creation *self = (struct creation *)context;
    struct l_sandbox *made = self->made;
    bool good = l_progress_wait(L, &self->progress, status, 6, 4, context, step);
    drop(&self->wait);
    if (!good) {
        l_sandbox_release(made, NULL, NULL);
        lua_pushnil(L);
        l_push_caught(L, -2, "sandbox.create");
        return 2;
    }
    if (!made->sandbox) {
        int failed = l_wait_failed(L, &self->wait, "sandbox.create");
        if (failed)
            return failed;
    }
    made->delivered = true;
    l_canary(L, self->wait.core);
    lua_pushvalue(L, 5);
    return 1;
}

static int new_sandbox(lua_State *L) {
    static const char op[] = "sandbox.create";
    struct l_core *core = l_core(L);
    struct enclave_error err = {.code = ENCLAVE_OK};
    lua_settop(L, 4);
    const char *driver = l_check_string(L, 1, op, "driver");
    l_opt_function(L, 4, op, "progress");
    int refused = l_refuse_cancelled(L, core, op);
    if (refused)
        return refused;
    struct l_sandbox *made = l_sandbox_new(L, core, L_OWN);
    struct creation *self = l_new_wait(L, core, sizeof *self, drop);
    l_progress_init(&self->progress, &self->wait);
    self->made = made;
    json_t *options = l_json_arg(L, 2, "driver_options", &err);
    json_t *json = err.code ? NULL : l_json_arg(L, 3, "config", &err);
    if (err.code || !l_engine(core, &err))
        return l_fail(L, &err);
    struct enc_host *host = enc_engine_host(core->engine, driver, options, &err);
    struct enc_config *config = host ? enc_config_from_json(json, ENC_FOR_SANDBOX, &err) : NULL;
    if (!config)
        return l_fail(L, &err);
    self->creation =
        enc_engine_sandbox(core->engine, host, config, on_progress, on_done, self, &err);
    enc_config_unref(config);
    if (!self->creation)
        return l_fail(L, &err);
    lua_settop(L, 6);
    return step(L, LUA_OK, (lua_KContext)self);
}

const luaL_Reg l_sandbox_functions[] = {{"sandbox", new_sandbox}, {NULL, NULL}};
