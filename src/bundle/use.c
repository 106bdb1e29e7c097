#include <lauxlib.h>

#include "bundle.h"

#ifdef ENCLAVE_WITH_CJSON
int luaopen_cjson(lua_State *L);
#endif

void enc_bundle_use(lua_State *L, bool first) {
    enc_lua_use_files(L, enc_bundle, first);
#ifdef ENCLAVE_WITH_CJSON
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_cjson);
    lua_setfield(L, -2, "cjson");
    lua_pop(L, 1);
#endif
}
