/* lines.c - tells which lines of Lua files run, for spec/coverage/run.sh.
 *
 * Loaded by LUA_INIT into every Lua program that the specs start. Each line is appended to a
 * file of its process in the folder ENCLAVE_COVERAGE when it runs the first time, as file:line, so
 * that a program which is killed loses none. A hook in C: what makes coroutines in C hands it on
 * to them. What runs under core.bounded in a task of its own has that function's hook instead, and
 * is not told of. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

enum { FILES = 256, LINES = 1024 };

static struct {
    char name[120];
    unsigned char seen[LINES];
} files[FILES];
static int count, last, out = -1;

/* The part from enclave/ on of a file of the project's; NULL for others. */
static const char *wanted(const char *source) {
    const char *name = strstr(source, "lua/enclave/"), *bundled = "@bundle:/enclave/";
    if (name && *source == '@')
        return name + strlen("lua/");
    return strncmp(source, bundled, strlen(bundled)) == 0 ? source + strlen("@bundle:/") : NULL;
}

static int find(const char *name) {
    if (last < count && strcmp(files[last].name, name) == 0)
        return last;
    for (last = 0; last < count; last++)
        if (strcmp(files[last].name, name) == 0)
            return last;
    if (count == FILES || strlen(name) >= sizeof files[0].name)
        return -1;
    strcpy(files[count].name, name);
    return count++;
}

static void on_line(lua_State *L, lua_Debug *where) {
    lua_getinfo(L, "S", where);
    const char *name = wanted(where->source);
    int line = where->currentline, file = name && line > 0 && line < LINES ? find(name) : -1;
    if (file < 0 || files[file].seen[line])
        return;
    files[file].seen[line] = 1;
    dprintf(out, "%s:%d\n", name, line);
}

int luaopen_lines(lua_State *L);
__attribute__((visibility("default"))) int luaopen_lines(lua_State *L) {
    const char *folder = getenv("ENCLAVE_COVERAGE");
    char path[512];
    if (!folder || out >= 0)
        return 0;
    snprintf(path, sizeof path, "%s/%ld.lines", folder, (long)getpid());
    out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (out < 0)
        return luaL_error(L, "%s cannot be written", path);
    lua_sethook(L, on_line, LUA_MASKLINE, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD); /* enclave-lua loads this in a task */
    lua_sethook(lua_tothread(L, -1), on_line, LUA_MASKLINE, 0);
    return 0;
}
