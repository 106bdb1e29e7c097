/* Lua files that the host program carries: found by require, and by the functions on folders
 * and files under names that begin with "bundle:/". */
#include "bundled.h"

#include <string.h>

#include <lualib.h>

#include "core.h"

static const char prefix[] = "bundle:/";

const char *l_bundled(const char *path) {
    return strncmp(path, prefix, sizeof prefix - 1) == 0 ? path + sizeof prefix - 1 : NULL;
}

const struct enc_lua_file *l_find_file(const struct l_core *core, const char *name) {
    for (const struct enc_lua_file *file = core->files; file && file->name; file++)
        if (strcmp(file->name, name) == 0)
            return file;
    return NULL;
}

const char *l_file_below(const struct enc_lua_file *file, const char *folder) {
    size_t len = strlen(folder);
    bool below = strncmp(file->name, folder, len) == 0 && file->name[len] == '/';
    return below ? file->name + len + 1 : NULL;
}

/* The searcher for require: the loader and its name, or why not. Upvalue: the core. */
static int searcher(lua_State *L) {
    static const char *const forms[] = {"%s.lua", "%s/init.lua"};
    struct l_core *core = l_core(L);
    const char *name = luaL_gsub(L, luaL_checkstring(L, 1), ".", "/");
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const struct enc_lua_file *file = l_find_file(core, lua_pushfstring(L, forms[i], name));
        if (!file)
            continue;
        lua_pushfstring(L, "@%s%s", prefix, file->name);
        size_t len = (size_t)(file->end - file->text);
        if (luaL_loadbufferx(L, file->text, len, lua_tostring(L, -1), "t") != LUA_OK)
            return lua_error(L);
        lua_pushfstring(L, "%s%s", prefix, file->name);
        return 2;
    }
    lua_pushfstring(L, "no file '%s%s.lua' inside the program", prefix, name);
    return 1;
}

void enc_lua_use_files(lua_State *L, const struct enc_lua_file *files, bool first) {
    struct l_core *core = enc_lua_core(L);
    int top = lua_gettop(L);
    core->files = files;
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_getfield(L, -1, "searchers");
    lua_Integer count = luaL_len(L, -1), at = first ? 2 : count + 1; /* 1: what is preloaded */
    for (lua_Integer i = count; i >= at; i--) {
        lua_rawgeti(L, -1, i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushlightuserdata(L, core);
    lua_pushcclosure(L, searcher, 1);
    lua_rawseti(L, -2, at);
    lua_settop(L, top);
}
