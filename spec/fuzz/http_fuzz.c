/* libFuzzer: an address and a body, divided by the first newline. Whatever they are, the HTTP
 * server's Lua side takes the address apart or refuses it, finds a route or none, and reads the
 * body or refuses it; what it gives is text, without zero bytes in addresses. Runs in the root of
 * the sources, or with LUA_PATH. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua_core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char code[] =
    "if not os.getenv('LUA_PATH') then\n"
    "  package.path = './lua/?.lua;./lua/?/init.lua;' .. package.path\n"
    "end\n"
    "local address, Request = require 'enclave.http.address', require 'enclave.http.request'\n"
    "local known = assert(require('enclave.http.routes').load())\n"
    "local errors = require 'enclave.errors'\n"
    "local function text(value)\n"
    "  assert(type(value) == 'string' and utf8.len(value) and not value:find('\\0', 1, true))\n"
    "end\n"
    "local function refused(err)\n"
    "  assert((errors.is(err) or err.status == 415 or err.status == 413) and err.code == "
    "'invalid')\n"
    "  assert(type(err.message) == 'string' and #err.message > 0)\n"
    "end\n"
    "local methods = { 'GET', 'POST', 'PUT', 'DELETE', 'OPTIONS' }\n"
    "return function(uri, body)\n"
    "  local path, query = address.parse(uri)\n"
    "  if not path then return refused(query) end\n"
    "  for _, part in ipairs(path) do text(part) end\n"
    "  local request = setmetatable({ query = query, body = body, headers = {}, "
    "max_json = 1000 }, Request)\n"
    "  for name, value in pairs(query) do\n"
    "    text(name)\n"
    "    text(value)\n"
    "    local number, err = request:number(name)\n"
    "    if number then assert(number >= 0 and number < math.huge) else refused(err) end\n"
    "    local flag\n"
    "    flag, err = request:flag(name)\n"
    "    if flag == nil then refused(err) end\n"
    "  end\n"
    "  for _, method in ipairs(methods) do\n"
    "    local route, values = known:find(method, table.move(path, 1, #path, 1, {}))\n"
    "    if route then\n"
    "      assert(route.method == method)\n"
    "      for _, value in pairs(values or {}) do text(value) end\n"
    "    elseif values then\n"
    "      text(values)\n"
    "    end\n"
    "  end\n"
    "  local object, err = request:json_object()\n"
    "  if object then assert(type(object) == 'table') else refused(err) end\n"
    "end\n";

/* libFuzzer looks at these too: which line of Lua follows which. */
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counters[1 << 14];

static void on_line(lua_State *L, lua_Debug *at) {
    static unsigned before;
    lua_getinfo(L, "S", at);
    unsigned here = (unsigned)at->currentline * 31 + (unsigned)at->srclen * 977;
    counters[(here ^ before) % sizeof counters]++;
    before = here << 1;
}

static lua_State *open_state(void) {
    lua_State *L = luaL_newstate();
    if (!L)
        abort();
    luaL_openlibs(L);
    luaL_requiref(L, "enclave.core", luaopen_enclave_core, 0);
    lua_settop(L, 0);
    if (luaL_loadstring(L, code) != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        abort();
    }
    lua_sethook(L, on_line, LUA_MASKLINE, 0);
    return L;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lua_State *L; /* one for all inputs: making it takes a thousand times as long */
    const char *text = (const char *)data, *newline = size ? memchr(data, '\n', size) : NULL;
    size_t len = newline ? (size_t)(newline - text) : size;
    if (!L)
        L = open_state();
    lua_pushvalue(L, 1);
    lua_pushlstring(L, text, len);
    lua_pushlstring(L, newline ? newline + 1 : "", newline ? size - len - 1 : 0);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        abort();
    }
    return 0;
}
