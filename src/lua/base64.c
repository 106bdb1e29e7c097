/* core.base64_encode and base64_decode (RFC 4648), for files that JSON has to carry. */
#include <stdint.h>
#include <string.h>

#include "args.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int encode(lua_State *L) {
    size_t size, at = 0;
    l_check_type(L, 1, LUA_TSTRING, "base64_encode", "bytes");
    const unsigned char *bytes = (const unsigned char *)lua_tolstring(L, 1, &size);
    luaL_Buffer out;
    char *text = luaL_buffinitsize(L, &out, size / 3 * 4 + 4);
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= left > 2 ? bytes[i + 2] : 0;
        text[at++] = alphabet[group >> 18];
        text[at++] = alphabet[group >> 12 & 63];
        text[at++] = left > 1 ? alphabet[group >> 6 & 63] : '=';
        text[at++] = left > 2 ? alphabet[group & 63] : '=';
    }
    luaL_pushresultsize(&out, at);
    return 1;
}

static int bad(lua_State *L) {
    lua_pushnil(L);
    lua_pushliteral(L, "not base64");
    return 2;
}

/* White space is passed over; padding may be left out. */
static int decode(lua_State *L) {
    size_t size, at = 0, digits = 0, padding = 0;
    l_check_type(L, 1, LUA_TSTRING, "base64_decode", "text");
    const char *text = lua_tolstring(L, 1, &size);
    luaL_Buffer out;
    char *bytes = luaL_buffinitsize(L, &out, size / 4 * 3 + 4);
    uint32_t group = 0;
    for (size_t i = 0; i < size; i++) {
        const char *digit = text[i] ? strchr(alphabet, text[i]) : NULL;
        if (text[i] == '=') {
            padding++;
        } else if (digit && !padding) {
            group = group << 6 | (uint32_t)(digit - alphabet);
            if (++digits % 4 == 0) {
                bytes[at++] = (char)(group >> 16);
                bytes[at++] = (char)(group >> 8);
                bytes[at++] = (char)group;
            }
        } else if (!text[i] || !strchr(" \t\r\n\v\f", text[i])) {
            return bad(L);
        }
    }
    size_t rest = digits % 4;
    if (rest == 1 || padding > 2 || (padding && (rest + padding) % 4 != 0))
        return bad(L);
    if (rest > 1)
        bytes[at++] = (char)(group >> (rest == 2 ? 4 : 10));
    if (rest == 3)
        bytes[at++] = (char)(group >> 2);
    luaL_pushresultsize(&out, at);
    return 1;
}

const luaL_Reg l_base64_functions[] = {
    {"base64_encode", encode}, {"base64_decode", decode}, {NULL, NULL}};
