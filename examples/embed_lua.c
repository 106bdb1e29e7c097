/* A C program that has Lua already: require "enclave" works in its state, from inside the
 * library; no Lua file has to be installed.
 *
 *   cc embed_lua.c $(pkg-config --cflags --libs enclave lua5.4) -o embed_lua && ./embed_lua */
#include <enclave/enclave.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

static const char script[] =
    "local enclave = require 'enclave'\n"
    "local sandbox <close> = assert(enclave.sandbox{ image = os.getenv 'ENCLAVE_IMAGE' })\n"
    "local result = assert(sandbox:execute_tool('python_executor', { code = 'print(6 * 7)' }))\n"
    "print(enclave.version, result.output)\n";

int main(void) {
    lua_State *L = luaL_newstate();
    if (!L)
        return EXIT_FAILURE;
    luaL_openlibs(L);
    enclave_lua_open(L);
    int failed = luaL_dostring(L, script);
    if (failed)
        fprintf(stderr, "%s\n", luaL_tolstring(L, -1, NULL));
    lua_close(L);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
