/* Where the Lua files are: next to the executable, in a build tree or installed; else
 * those that the program carries. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "bundle.h"
#include "cli.h"

/* Pushes the folder if it holds the file, and gives true. */
static bool push_if(lua_State *L, const char *folder, const char *file) {
    const char *path = lua_pushfstring(L, "%s/%s", folder, file);
    bool there = access(path, R_OK) == 0;
    lua_pop(L, 1);
    if (there)
        lua_pushstring(L, folder);
    return there;
}

static bool find_near_executable(lua_State *L) {
    static const char *const places[] = {"../lua", "../../lua", "../share/lua/5.4"};
    char exe[PATH_MAX];
    size_t size = sizeof exe;
    if (uv_exepath(exe, &size) != 0)
        return false;
    *strrchr(exe, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *folder = lua_pushfstring(L, "%s/%s", exe, places[i]);
        bool found = push_if(L, folder, "enclave/init.lua");
        lua_remove(L, found ? -2 : -1);
        if (found)
            return true;
    }
    return false;
}

void cli_find_files(lua_State *L, bool environment) {
    const char *given = environment ? getenv("ENCLAVE_LUA_PATH") : NULL;
    bool found = true;
    if (given && *given)
        lua_pushstring(L, given);
    else
        found = find_near_executable(L);
    enc_bundle_use(L, !found);
    if (!found) {
        lua_pushliteral(L, "inside");
    } else {
        const char *folder = lua_tostring(L, -1);
        lua_getglobal(L, LUA_LOADLIBNAME);
        lua_getfield(L, -1, "path");
        const char *path = lua_tostring(L, -1);
        lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", folder, folder, path ? path : "");
        lua_setfield(L, -3, "path");
        lua_pop(L, 2);
    }
    lua_setfield(L, LUA_REGISTRYINDEX, CLI_FILES);
}
