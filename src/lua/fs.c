/* Folders and files of the host, for finding tools and hooks. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "args.h"
#include "bundled.h"

static int fail_errno(lua_State *L, const char *op, const char *path, int number) {
    struct enclave_error err;
    enc_fail(&err,
             number == ENOENT || number == ENOTDIR ? ENCLAVE_NOT_FOUND : ENCLAVE_INTERNAL,
             op,
             "%.400s: %s",
             path,
             strerror(number));
    return l_fail(L, &err);
}

static const char *type_of(mode_t mode) {
    if (S_ISREG(mode))
        return "file";
    if (S_ISDIR(mode))
        return "directory";
    return S_ISLNK(mode) ? "link" : "other";
}

#define L_NAMES "enclave.Names"

/* The names, in a userdata: making tables of them may raise. */
struct names {
    struct dirent **list;
    int count;
};

static int names_gc(lua_State *L) {
    struct names *names = luaL_checkudata(L, 1, L_NAMES);
    for (int i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
    *names = (struct names){NULL, 0};
    return 0;
}

static struct names *names_new(lua_State *L) {
    struct names *names = lua_newuserdatauv(L, sizeof *names, 0);
    *names = (struct names){NULL, 0};
    if (luaL_newmetatable(L, L_NAMES)) {
        lua_pushcfunction(L, names_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return names;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* The files of a carried folder; folders in it are left out: nobody asks for them. */
static int scan_bundle(lua_State *L, const char *folder) {
    lua_Integer count = 0;
    lua_newtable(L);
    for (const struct enc_lua_file *file = l_core(L)->files; file && file->name; file++) {
        const char *name = l_file_below(file, folder);
        if (!name || strchr(name, '/'))
            continue;
        lua_createtable(L, 0, 2);
        lua_pushstring(L, name);
        lua_setfield(L, -2, "name");
        lua_pushliteral(L, "file");
        lua_setfield(L, -2, "type");
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

static int scandir_of(lua_State *L) {
    static const char op[] = "scandir";
    const char *path = l_check_string(L, 1, op, "path");
    lua_settop(L, 1);
    if (l_bundled(path))
        return scan_bundle(L, l_bundled(path));
    struct names *names = names_new(L);
    int count = scandir(path, &names->list, NULL, by_name);
    if (count < 0)
        return fail_errno(L, op, path, errno);
    names->count = count;
    lua_createtable(L, count, 0);
    lua_Integer kept = 0;
    for (int i = 0; i < count; i++) {
        const char *name = names->list[i]->d_name;
        struct stat info;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        const char *full = lua_pushfstring(L, "%s/%s", path, name);
        int missing = lstat(full, &info);
        lua_pop(L, 1);
        if (missing) /* it went meanwhile */
            continue;
        lua_createtable(L, 0, 2);
        lua_pushstring(L, name);
        lua_setfield(L, -2, "name");
        lua_pushstring(L, type_of(info.st_mode));
        lua_setfield(L, -2, "type");
        lua_rawseti(L, 3, ++kept);
    }
    return 1;
}

static int push_facts(lua_State *L, const char *type, lua_Integer size, lua_Number mtime) {
    lua_createtable(L, 0, 3);
    lua_pushstring(L, type);
    lua_setfield(L, -2, "type");
    lua_pushinteger(L, size);
    lua_setfield(L, -2, "size");
    lua_pushnumber(L, mtime);
    lua_setfield(L, -2, "mtime");
    return 1;
}

static int stat_bundle(lua_State *L, const char *path, const char *name) {
    const struct enc_lua_file *file = l_find_file(l_core(L), name);
    if (file)
        return push_facts(L, "file", file->end - file->text, 0);
    for (file = l_core(L)->files; file && file->name; file++)
        if (l_file_below(file, name))
            return push_facts(L, "directory", 0, 0);
    return fail_errno(L, "stat", path, ENOENT);
}

static int stat_of(lua_State *L) {
    static const char op[] = "stat";
    const char *path = l_check_string(L, 1, op, "path");
    struct stat info;
    if (l_bundled(path))
        return stat_bundle(L, path, l_bundled(path));
    if (stat(path, &info) != 0)
        return fail_errno(L, op, path, errno);
    return push_facts(L,
                      type_of(info.st_mode),
                      info.st_size,
                      (lua_Number)info.st_mtim.tv_sec + (lua_Number)info.st_mtim.tv_nsec / 1e9);
}

/* core.bundled(path): the text of a file that the program carries, or nil. */
static int bundled(lua_State *L) {
    const char *name = l_bundled(l_check_string(L, 1, "bundled", "path"));
    const struct enc_lua_file *file = name ? l_find_file(l_core(L), name) : NULL;
    if (!file)
        return 0;
    lua_pushlstring(L, file->text, (size_t)(file->end - file->text));
    return 1;
}

const luaL_Reg l_fs_functions[] = {
    {"scandir", scandir_of}, {"stat", stat_of}, {"bundled", bundled}, {NULL, NULL}};
