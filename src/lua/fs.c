/* Folders and files of the host, for finding tools and hooks. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "args.h"

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

/* The names, in a userdata: making tables of them may raise. */
struct names {
    struct dirent **list;
    int count;
};

static int names_gc(lua_State *L) {
    struct names *names = lua_touserdata(L, 1);
    for (int i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
    *names = (struct names){NULL, 0};
    return 0;
}

static struct names *names_new(lua_State *L) {
    struct names *names = lua_newuserdatauv(L, sizeof *names, 0);
    *names = (struct names){NULL, 0};
    if (luaL_newmetatable(L, "enclave.Names")) {
        lua_pushcfunction(L, names_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return names;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int scandir_of(lua_State *L) {
    static const char op[] = "scandir";
    const char *path = l_check_string(L, 1, op, "path");
    lua_settop(L, 1);
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

static int stat_of(lua_State *L) {
    static const char op[] = "stat";
    const char *path = l_check_string(L, 1, op, "path");
    struct stat info;
    if (stat(path, &info) != 0)
        return fail_errno(L, op, path, errno);
    lua_createtable(L, 0, 3);
    lua_pushstring(L, type_of(info.st_mode));
    lua_setfield(L, -2, "type");
    lua_pushinteger(L, info.st_size);
    lua_setfield(L, -2, "size");
    lua_pushnumber(L, (lua_Number)info.st_mtim.tv_sec + (lua_Number)info.st_mtim.tv_nsec / 1e9);
    lua_setfield(L, -2, "mtime");
    return 1;
}

const luaL_Reg l_fs_functions[] = {{"scandir", scandir_of}, {"stat", stat_of}, {NULL, NULL}};
