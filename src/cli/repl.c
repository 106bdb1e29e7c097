/* The interactive mode: reads a line, or as many as make a statement, runs it as a task and
 * prints what it gives. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static void prompt(lua_State *L, bool first) {
    bool own = lua_getglobal(L, first ? "_PROMPT" : "_PROMPT2") != LUA_TNIL;
    fputs(own ? luaL_tolstring(L, -1, NULL) : first ? "> " : ">> ", stdout);
    fflush(stdout);
    lua_pop(L, own ? 2 : 1);
}

/* Pushes the next line without its end; false: there is none. */
static bool push_line(lua_State *L, bool first) {
    luaL_Buffer line;
    char piece[512];
    bool any = false;
    prompt(L, first);
    luaL_buffinit(L, &line);
    while (!cli_signal() && fgets(piece, sizeof piece, stdin)) {
        size_t len = strlen(piece);
        any = true;
        if (len && piece[len - 1] == '\n') {
            luaL_addlstring(&line, piece, len - 1);
            break;
        }
        luaL_addlstring(&line, piece, len);
    }
    luaL_pushresult(&line);
    if (!any)
        lua_pop(L, 1);
    return any;
}

/* Whether more lines would help: the message at the top says that the chunk ended early. */
static bool is_incomplete(lua_State *L, int status) {
    static const char mark[] = "<eof>";
    size_t len;
    if (status != LUA_ERRSYNTAX)
        return false;
    const char *message = lua_tolstring(L, -1, &len);
    return len >= sizeof mark - 1 && strcmp(message + len - (sizeof mark - 1), mark) == 0;
}

/* The line is at 1. Leaves the function, or the message, at the top. */
static int load(lua_State *L) {
    const char *retry = lua_pushfstring(L, "return %s", lua_tostring(L, 1));
    int status = luaL_loadbuffer(L, retry, strlen(retry), "=stdin");
    if (status == LUA_OK)
        return status;
    for (;;) {
        lua_settop(L, 1);
        size_t len;
        const char *chunk = lua_tolstring(L, 1, &len);
        status = luaL_loadbuffer(L, chunk, len, "=stdin");
        if (!is_incomplete(L, status) || !push_line(L, false))
            return status;
        lua_remove(L, -2);
        lua_pushliteral(L, "\n");
        lua_insert(L, -2);
        lua_concat(L, 3);
    }
}

static void print_results(lua_State *L) {
    int count = lua_gettop(L);
    if (count == 0)
        return;
    luaL_checkstack(L, LUA_MINSTACK, "too many results to print");
    lua_getglobal(L, "print");
    lua_insert(L, 1);
    if (lua_pcall(L, count, 0, 0) != LUA_OK)
        fprintf(stderr, "%s: error calling 'print' (%s)\n", CLI_NAME, lua_tostring(L, -1));
}

void cli_repl(lua_State *L) {
    lua_settop(L, 0);
    while (!cli_signal() && push_line(L, true)) {
        int status = load(L);
        if (status == LUA_OK) {
            lua_replace(L, 1);
            lua_settop(L, 1);
            status = cli_call(L, 0);
        }
        if (status == LUA_OK)
            print_results(L);
        else
            cli_report(L, status);
        lua_settop(L, 0);
    }
    if (!cli_signal())
        fputc('\n', stdout);
    fflush(stdout);
}
