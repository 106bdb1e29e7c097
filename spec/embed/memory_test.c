/* A Lua state whose memory ends at any point of a script that uses all of the core: what fails
 * says so, nothing hangs, nothing is lost. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include <enclave/enclave.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static const char script[] =
    "local core = require 'enclave.core'\n"
    "core.configure{ log_level = 'off' }\n"
    "local function use(sandbox)\n"
    "  sandbox:exec{ argv = { 'echo', 'x' }, env = { A = 'b' }, on_stdout = function() end }\n"
    "  pcall(function()\n"
    "    local run <close> = assert(sandbox:start{ argv = { 'cat' }, stdin_open = true })\n"
    "    run:write('abc')\n"
    "    run:read()\n"
    "    run:close_input()\n"
    "    run:wait()\n"
    "  end)\n"
    "  pcall(sandbox.put_file, sandbox, 'a', 'b')\n"
    "  pcall(sandbox.get_file, sandbox, 'a')\n"
    "  pcall(sandbox.put_files, sandbox, { x = 'y' })\n"
    "  pcall(sandbox.describe, sandbox)\n"
    "  pcall(sandbox.reset, sandbox)\n"
    "end\n"
    "core.run(function()\n"
    "  local pool <close> = assert(core.pool('fake', nil, nil, { size = 1, max_size = 2 }, {\n"
    "    created = function() core.sleep(0) return true end, retiring = function() end }))\n"
    "  pcall(pool.warm, pool, function() end)\n"
    "  local tasks = {}\n"
    "  for i = 1, 3 do\n"
    "    tasks[i] = core.spawn(function()\n"
    "      local sandbox <close> = assert(pool:acquire(60))\n"
    "      use(sandbox)\n"
    "    end)\n"
    "  end\n"
    "  for i = 1, 3 do tasks[i]:join(60) end\n"
    "  local sleeper <close> = core.spawn(function() core.sleep(60) end)\n"
    "  local server <close> = assert(core.httpd{ port = 0,\n"
    "    handler = function() return 200, 'x', {} end })\n"
    "  core.http{ url = 'http://127.0.0.1:' .. server:port(), method = 'POST', body = 'x',\n"
    "    headers = { a = 'b' }, timeout = 60 }\n"
    "  local own <close> = assert(core.sandbox('fake', nil, {}))\n"
    "  use(own)\n"
    "end)\n";

/* So many allocations fail, from this one on. */
static struct {
    long count, first, failing;
    size_t used;
} memory;

static void *allocate(void *data, void *pointer, size_t old_size, size_t new_size) {
    (void)data;
    if (!pointer)
        old_size = 0;
    if (new_size > old_size) {
        long number = memory.count++;
        if (number >= memory.first && number - memory.first < memory.failing)
            return NULL;
    }
    void *more = NULL;
    if (!new_size)
        free(pointer);
    else if (!(more = realloc(pointer, new_size)))
        return NULL;
    memory.used += new_size - old_size;
    return more;
}

static int body(lua_State *L) {
    luaL_openlibs(L);
    luaL_requiref(L, "enclave.core", luaopen_enclave_core, 0);
    if (luaL_loadstring(L, script) != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 0);
    return 0;
}

/* How many allocations there were. */
static long run(long first, long failing) {
    memory.count = 0;
    memory.first = first;
    memory.failing = failing;
    lua_State *L = lua_newstate(allocate, NULL);
    if (L) {
        lua_pushcfunction(L, body);
        if (lua_pcall(L, 0, 0, 0) != LUA_OK && lua_isstring(L, -1) &&
            !strstr(lua_tostring(L, -1), "memory"))
            fail_msg("allocation %ld: %s", first, lua_tostring(L, -1));
        lua_close(L);
    }
    assert_int_equal(memory.used, 0);
    return memory.count;
}

static void memory_ends_at_any_point(void **state) {
    static const long failing[] = {1, 3, 1000000};
    (void)state;
    long all = run(0, 0);
    assert_true(all > 500);
    for (size_t i = 0; i < sizeof failing / sizeof *failing; i++)
        for (long first = (long)i; first < all; first += 3)
            run(first, failing[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_ends_at_any_point)};
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
