/* A stand-in for the lua5.4 program, built with the sanitizers: it runs -e CODE, or a script with
 * its arguments, so that the specs see enclave.core as any stock interpreter loads it. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static int traceback(lua_State *L) {
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

int main(int argc, char **argv) {
    lua_State *L = luaL_newstate();
    if (!L || argc < 2) {
        fprintf(stderr, "usage: %s SCRIPT [ARGUMENT ...]\n", argv[0]);
        return 2;
    }
    luaL_openlibs(L);
    lua_createtable(L, argc - 2, 2);
    for (int i = 0; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i - 1);
    }
    lua_setglobal(L, "arg");
    lua_pushcfunction(L, traceback);
    bool is_code = strcmp(argv[1], "-e") == 0 && argc == 3;
    bool fine = (is_code ? luaL_loadstring(L, argv[2]) : luaL_loadfile(L, argv[1])) == LUA_OK;
    for (int i = 2; fine && i < argc; i++)
        lua_pushstring(L, argv[i]);
    fine = fine && lua_pcall(L, argc - 2, 0, 1) == LUA_OK;
    if (!fine)
        fprintf(stderr, "lua5.4: %s\n", lua_tostring(L, -1));
    lua_close(L);
    return fine ? 0 : 1;
}
