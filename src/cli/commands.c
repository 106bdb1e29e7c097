/* Commands: which there are and what they do is written in Lua (enclave.cli); and --version. */
#include <archive.h>
#include <curl/curl.h>
#include <jansson.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "bundle.h"
#include "channel_agent/agent_volume.h"
#include "cli.h"

bool cli_is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

/* Pushes a function of the module enclave.cli. Without its files: an error, left on the stack. */
static int push_function(lua_State *L, const char *name) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "enclave.cli");
    int status = cli_call(L, 1);
    if (status == LUA_OK) {
        lua_settop(L, 1); /* require gives more than the module */
        lua_getfield(L, 1, name);
        lua_remove(L, 1);
    }
    return status;
}

/* Calls a function of enclave.cli with a word that may be a command; its result is at 1. */
static bool ask(lua_State *L, const char *name, const char *word) {
    if (!word || !*word || word[strspn(word, "abcdefghijklmnopqrstuvwxyz")])
        return false;
    bool fine = push_function(L, name) == LUA_OK;
    if (fine) {
        lua_pushstring(L, word);
        fine = lua_pcall(L, 1, 1, 0) == LUA_OK && lua_toboolean(L, -1);
    }
    if (!fine)
        lua_settop(L, 0);
    return fine;
}

bool cli_is_command(lua_State *L, const char *word) {
    bool is_one = ask(L, "is_command", word);
    lua_settop(L, 0);
    return is_one;
}

void cli_hint(lua_State *L, const char *word) {
    if (ask(L, "nearest", word))
        fprintf(stderr, "%s: did you mean the command %s?\n", CLI_NAME, lua_tostring(L, 1));
    lua_settop(L, 0);
}

int cli_command(lua_State *L, char **words) {
    int count = 0, status = push_function(L, "main");
    if (status == LUA_OK) {
        while (words[count])
            count++;
        luaL_checkstack(L, count + 1, "too many arguments");
        for (int i = 0; i < count; i++)
            lua_pushstring(L, words[i]);
        status = cli_call(L, count);
    }
    int code = status == LUA_OK ? (int)lua_tointeger(L, 1) : EXIT_FAILURE;
    cli_report(L, status);
    lua_settop(L, 0);
    return code;
}

void cli_print_version(void) {
    puts("Enclave " ENCLAVE_VERSION "  " LUA_COPYRIGHT);
    fflush(stdout);
}

void cli_print_versions(lua_State *L) {
    size_t count = 0;
    while (enc_bundle[count].name)
        count++;
    cli_print_version();
    lua_getfield(L, LUA_REGISTRYINDEX, CLI_FILES);
    printf("Lua files: %s; %zu are carried inside\n", lua_tostring(L, -1), count);
    printf("agent: %s, %zu bytes\n", enc_agent_architecture(), enc_agent_volume_size());
    printf("libuv %s, jansson %s, libarchive %s, libmicrohttpd %s\n%s\n",
           uv_version_string(),
           jansson_version_str(),
           archive_version_string() + strlen("libarchive "),
           MHD_get_version(),
           curl_version());
    fflush(stdout);
    lua_pop(L, 1);
}
