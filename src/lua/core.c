/* luaopen_enclave_core: the table of functions, the classes, and the state behind them. */
#include <string.h>

#include "args.h"
#include "lua_pool.h"

static const char core_key = 0; /* its address is the key in the registry */

void l_functions(lua_State *L, struct l_core *core, const luaL_Reg *functions) {
    lua_pushlightuserdata(L, core);
    luaL_setfuncs(L, functions, 1);
}

void l_class(lua_State *L,
             struct l_core *core,
             const char *name,
             const luaL_Reg *methods,
             const luaL_Reg *meta) {
    luaL_newmetatable(L, name);
    lua_newtable(L);
    l_functions(L, core, methods);
    lua_setfield(L, -2, "__index");
    l_functions(L, core, meta);
}

void *l_self(lua_State *L, int index, const char *name, const char *op) {
    void *self = luaL_testudata(L, index, name);
    if (!self) {
        char value[96];
        l_show(L, index, value, sizeof value);
        l_misuse(L, op, "self: %s: expected an %s", value, name);
    }
    return self;
}

#define L_CANARY "enclave.Canary"

static int canary_gc(lua_State *L) {
    struct l_core **self = luaL_checkudata(L, 1, L_CANARY), *core = *self;
    if (core->canary == self)
        l_close(L, core);
    return 0;
}

void l_canary(lua_State *L, struct l_core *core) {
    struct l_core **self = lua_newuserdatauv(L, sizeof *self, 0);
    *self = core;
    if (luaL_newmetatable(L, L_CANARY)) {
        lua_pushcfunction(L, canary_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    core->canary = self;
    lua_rawsetp(L, LUA_REGISTRYINDEX, &core->canary);
}

static int wait_gc(lua_State *L) {
    l_wait_end(luaL_checkudata(L, 1, L_WAIT));
    return 0;
}

static int core_gc(lua_State *L) {
    l_close(L, lua_touserdata(L, 1));
    return 0;
}

/* Made once per state, kept by the registry until the state ends. */
static struct l_core *core_new(lua_State *L) {
    struct l_core *core = lua_newuserdatauv(L, sizeof *core, 0);
    memset(core, 0, sizeof *core);
    core->on_log = LUA_NOREF;
    enc_list_init(&core->ready);
    enc_list_init(&core->tasks);
    enc_list_init(&core->failed);
    enc_list_init(&core->calls);
    enc_list_init(&core->pools);
    enc_list_init(&core->sandboxes);
    enc_list_init(&core->latches);
    enc_list_init(&core->servers);
    enc_list_init(&core->watches);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    core->L = core->current = lua_tothread(L, -1);
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, core_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_newtable(L); /* the tasks that run, by their addresses */
    lua_rawsetp(L, LUA_REGISTRYINDEX, core);
    luaL_newmetatable(L, L_WAIT);
    lua_pushcfunction(L, wait_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    l_error_class(L);
    l_task_class(L, core);
    l_pool_class(L, core);
    l_sandbox_class(L, core);
    l_run_class(L, core);
    l_server_class(L, core);
    l_watch_class(L, core);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &core_key);
    return core;
}

struct l_core *enc_lua_core(lua_State *L) {
    luaL_checkstack(L, 8, "enclave.core");
    lua_rawgetp(L, LUA_REGISTRYINDEX, &core_key);
    struct l_core *core = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return core ? core : core_new(L);
}

int luaopen_enclave_core(lua_State *L) {
    static const luaL_Reg *const groups[] = {l_engine_functions,
                                             l_task_functions,
                                             l_budget_functions,
                                             l_base64_functions,
                                             l_json_functions,
                                             l_watch_functions,
                                             l_pool_functions,
                                             l_sandbox_functions,
                                             l_fs_functions,
                                             l_file_functions,
                                             l_http_functions,
                                             l_httpd_functions,
                                             l_signal_functions,
                                             l_terminal_functions};
    struct l_core *core = enc_lua_core(L);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        l_functions(L, core, groups[i]);
    lua_pushcfunction(L, l_error_new);
    lua_setfield(L, -2, "error");
    lua_pushliteral(L, ENCLAVE_VERSION);
    lua_setfield(L, -2, "version");
    luaL_getmetatable(L, L_SANDBOX);
    lua_getfield(L, -1, "methods");
    lua_setfield(L, -3, "Sandbox");
    lua_pop(L, 1);
    return 1;
}
