/* Errors on the Lua side: a table { code, message, op, http_status } that prints itself. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "args.h"

static int to_string(lua_State *L) {
    lua_getfield(L, 1, "code");
    lua_getfield(L, 1, "message");
    const char *code = lua_tostring(L, -2), *message = lua_tostring(L, -1);
    lua_pushfstring(L, "%s: %s", code ? code : "internal", message ? message : "");
    return 1;
}

void l_error_class(lua_State *L) {
    luaL_newmetatable(L, L_ERROR);
    lua_pushcfunction(L, to_string);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
}

/* The message is on the top: becomes the error object. */
static void wrap(lua_State *L, const char *code, const char *op) {
    lua_createtable(L, 0, 4);
    lua_insert(L, -2);
    lua_setfield(L, -2, "message");
    lua_pushstring(L, code);
    lua_setfield(L, -2, "code");
    lua_pushstring(L, op);
    lua_setfield(L, -2, "op");
    luaL_setmetatable(L, L_ERROR);
}

void l_push_error(lua_State *L, const struct enclave_error *err) {
    luaL_checkstack(L, 6, "error");
    lua_pushstring(L, err->message);
    wrap(L, enclave_code_name(err->code), err->op);
    if (err->http_status) {
        lua_pushinteger(L, err->http_status);
        lua_setfield(L, -2, "http_status");
    }
}

int l_fail(lua_State *L, const struct enclave_error *err) {
    luaL_checkstack(L, 8, "error");
    if (!err->misuse)
        lua_pushnil(L);
    l_push_error(L, err);
    return err->misuse ? lua_error(L) : 2;
}

int l_misuse(lua_State *L, const char *op, const char *format, ...) {
    struct enclave_error err = {.code = ENCLAVE_INVALID, .misuse = true};
    snprintf(err.op, sizeof err.op, "%s", op);
    va_list args;
    va_start(args, format);
    vsnprintf(err.message, sizeof err.message, format, args);
    va_end(args);
    return l_fail(L, &err);
}

/* The string in a field of the table at index, or NULL. Calls no metamethod. */
static const char *raw_string(lua_State *L, int index, const char *field) {
    lua_pushstring(L, field);
    lua_rawget(L, index);
    const char *value = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1); /* the table keeps it */
    return value;
}

bool l_is_code(lua_State *L, int index, const char *code) {
    index = lua_absindex(L, index);
    if (!lua_istable(L, index))
        return false;
    const char *value = raw_string(L, index, "code");
    return value && strcmp(value, code) == 0;
}

void l_to_error(lua_State *L, int index, const char *op, struct enclave_error *err) {
    index = lua_absindex(L, index);
    if (lua_istable(L, index)) {
        const char *code = raw_string(L, index, "code"), *text = raw_string(L, index, "message");
        const char *own_op = raw_string(L, index, "op");
        enum enclave_code number = code ? enc_code_named(code) : ENCLAVE_OK;
        enc_fail(err,
                 number ? number : ENCLAVE_INTERNAL,
                 own_op ? own_op : op,
                 "%s",
                 text ? text : "an error object without a message");
    } else if (lua_type(L, index) == LUA_TSTRING) {
        enc_fail(err, ENCLAVE_INTERNAL, op, "%s", lua_tostring(L, index));
    } else {
        enc_fail(err, ENCLAVE_INTERNAL, op, "an error that is a %s", luaL_typename(L, index));
    }
}

void l_push_caught(lua_State *L, int index, const char *op) {
    index = lua_absindex(L, index);
    if (lua_type(L, index) == LUA_TSTRING) {
        lua_pushvalue(L, index);
        wrap(L, "internal", op);
    } else {
        lua_pushvalue(L, index);
    }
}

/* core.error(code, message, op) */
int l_error_new(lua_State *L) {
    const char *code = l_check_string(L, 1, "error", "code");
    l_check_string(L, 2, "error", "message");
    const char *op = lua_isnoneornil(L, 3) ? "" : l_check_string(L, 3, "error", "op");
    if (!enc_code_named(code))
        return l_misuse(L, "error", "code: \"%.40s\": expected one of the error codes", code);
    lua_pushvalue(L, 2);
    wrap(L, code, op);
    return 1;
}
