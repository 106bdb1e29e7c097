/* core.watch: calls a Lua function when something changed in a folder, once it was quiet for a
 * moment: an editor writes a file in several steps. */
#include "watch.h"

#include "args.h"

#define QUIET (50 * ENC_NS_PER_MS)

struct l_watch {
    struct l_core *core;
    struct enc_list in_core;
    struct enc_watch *watch; /* NULL: closed */
    struct enc_timer quiet;
    struct l_call call;
};

static const char watches = 0; /* its address: the key of the table of all, by their addresses */

static void stop(struct l_watch *self) {
    l_timer_stop(self->core, &self->quiet);
    enc_list_remove(&self->call.in_calls);
    enc_list_remove(&self->in_core);
    if (self->core->engine)
        enc_watch_stop(self->watch);
    self->watch = NULL;
}

void l_watches_close(struct l_core *core) {
    ENC_LIST_FOR_EACH_SAFE(cursor, &core->watches) {
        stop(ENC_CONTAINER_OF(cursor, struct l_watch, in_core));
    }
}

static void call_drop(struct l_call *call) {
    (void)call; /* it is a part of the watch */
}

static void call_run(lua_State *L, struct l_call *call) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &watches);
    if (lua_rawgetp(L, -1, ENC_CONTAINER_OF(call, struct l_watch, call)) != LUA_TUSERDATA)
        return;
    lua_getiuservalue(L, -1, 1);
    lua_call(L, 0, 0);
}

static void on_quiet(struct enc_timer *timer) {
    struct l_watch *self = ENC_CONTAINER_OF(timer, struct l_watch, quiet);
    if (enc_list_empty(&self->call.in_calls))
        l_call_later(self->core, &self->call);
}

static void on_changed(void *data) {
    struct l_watch *self = data;
    enc_timer_start(l_loop(self->core), &self->quiet, enc_deadline_in(QUIET));
}

/* watch(folder, fn) */
static int watch(lua_State *L) {
    static const char op[] = "watch";
    struct l_core *core = l_core(L);
    struct enclave_error err;
    const char *folder = l_check_string(L, 1, op, "folder");
    l_check_type(L, 2, LUA_TFUNCTION, op, "fn");
    lua_settop(L, 2);
    if (!l_engine(core, &err))
        return l_fail(L, &err);
    struct l_watch *self = lua_newuserdatauv(L, sizeof *self, 1);
    *self = (struct l_watch){.core = core, .call = {.run = call_run, .drop = call_drop}};
    self->quiet.fire = on_quiet;
    enc_list_init(&self->in_core);
    enc_list_init(&self->call.in_calls);
    luaL_setmetatable(L, L_WATCH);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, 3, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &watches);
    lua_pushvalue(L, 3);
    lua_rawsetp(L, -2, self);
    self->watch = enc_watch_start(l_loop(core), folder, on_changed, self, &err);
    if (!self->watch)
        return l_fail(L, &err);
    enc_list_push_back(&core->watches, &self->in_core);
    lua_settop(L, 3);
    return 1;
}

static int watch_close(lua_State *L) {
    stop(l_self(L, 1, L_WATCH, "watch.close"));
    return 0;
}

void l_watch_class(lua_State *L, struct l_core *core) {
    static const luaL_Reg methods[] = {{"close", watch_close}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__close", watch_close}, {"__gc", watch_close}, {NULL, NULL}};
    l_class(L, core, L_WATCH, methods, meta);
    lua_pop(L, 1);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &watches);
}

const luaL_Reg l_watch_functions[] = {{"watch", watch}, {NULL, NULL}};
