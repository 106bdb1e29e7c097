/* json_t <-> Lua values. null is the lightuserdata NULL, as in lua-cjson. */
#include <string.h>

#include "args.h"

#define MAX_NESTING 64

static json_t *value_of(
    lua_State *L, int index, int depth, const char *where, struct enclave_error *err);

/* How long the list is; -1: it is not a list. An empty table counts as an object. */
static lua_Integer list_length(lua_State *L, int index) {
    lua_Integer count = 0, length = (lua_Integer)lua_rawlen(L, index);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1 || lua_tointeger(L, -2) > length) {
            lua_pop(L, 2);
            return -1;
        }
        count++;
    }
    return count && count == length ? count : -1;
}

static json_t *list_of(lua_State *L,
                       int index,
                       lua_Integer length,
                       int depth,
                       const char *where,
                       struct enclave_error *err) {
    json_t *list = json_array();
    if (!list)
        goto nomem;
    for (lua_Integer i = 1; i <= length; i++) {
        lua_rawgeti(L, index, i);
        json_t *item = value_of(L, lua_gettop(L), depth, where, err);
        lua_pop(L, 1);
        if (!item) {
            json_decref(list);
            return NULL;
        }
        if (json_array_append_new(list, item))
            goto nomem;
    }
    return list;
nomem:
    json_decref(list);
    enc_fail_nomem(err, where);
    return NULL;
}

static json_t *object_of(
    lua_State *L, int index, int depth, const char *where, struct enclave_error *err) {
    json_t *object = json_object();
    if (!object) {
        enc_fail_nomem(err, where);
        return NULL;
    }
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        char shown[96];
        size_t len = 0;
        json_t *item = NULL;
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &len) : NULL;
        if (!key) {
            l_show(L, -2, shown, sizeof shown);
            enc_fail_misuse(
                err, where, "key %s: expected a string, or a list without holes", shown);
        } else if (strlen(key) != len) {
            enc_fail(err, ENCLAVE_INVALID, where, "key \"%.60s\": expected no NUL bytes", key);
        } else if ((item = value_of(L, lua_gettop(L), depth, key, err)) &&
                   json_object_set_new(object, key, item)) {
            enc_fail(err, ENCLAVE_INVALID, where, "key \"%.60s\": expected UTF-8", key);
            item = NULL;
        }
        if (!item) {
            lua_pop(L, 2);
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *text_of(lua_State *L, int index, const char *where, struct enclave_error *err) {
    size_t len;
    const char *text = lua_tolstring(L, index, &len);
    json_t *json = json_stringn(text, len);
    if (!json)
        enc_fail(err, ENCLAVE_INVALID, where, "%s: a string that is not UTF-8", where);
    return json;
}

static json_t *value_of(
    lua_State *L, int index, int depth, const char *where, struct enclave_error *err) {
    json_t *json = NULL;
    if (depth >= MAX_NESTING || !lua_checkstack(L, 6)) {
        enc_fail(err, ENCLAVE_INVALID, where, "%s: nested too deeply", where);
        return NULL;
    }
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        return text_of(L, index, where, err);
    case LUA_TBOOLEAN:
        json = json_boolean(lua_toboolean(L, index));
        break;
    case LUA_TNIL:
        json = json_null();
        break;
    case LUA_TLIGHTUSERDATA:
        if (!lua_touserdata(L, index))
            return json_null();
        break;
    case LUA_TNUMBER:
        json = lua_isinteger(L, index) ? json_integer(lua_tointeger(L, index))
                                       : json_real(lua_tonumber(L, index));
        if (!json) /* jansson has no NaN and no infinity */
            enc_fail(err, ENCLAVE_INVALID, where, "%s: expected a finite number", where);
        return json;
    case LUA_TTABLE: {
        lua_Integer length = list_length(L, index);
        return length > 0 ? list_of(L, index, length, depth + 1, where, err)
                          : object_of(L, index, depth + 1, where, err);
    }
    default:
        break;
    }
    if (!json)
        enc_fail_misuse(err,
                        where,
                        "%s: a %s: expected a string, number, boolean or table",
                        where,
                        luaL_typename(L, index));
    return json;
}

json_t *l_to_json(lua_State *L, int index, const char *where, struct enclave_error *err) {
    return value_of(L, lua_absindex(L, index), 0, where, err);
}

/* ---- a userdata that owns one ---------------------------------------------------------- */

#define L_JSON "enclave.Json"

static int box_gc(lua_State *L) {
    json_t **box = luaL_checkudata(L, 1, L_JSON);
    json_decref(*box);
    *box = NULL;
    return 0;
}

static json_t **box_new(lua_State *L) {
    json_t **box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = NULL;
    if (luaL_newmetatable(L, L_JSON)) {
        lua_pushcfunction(L, box_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return box;
}

json_t *l_json_arg(lua_State *L, int index, const char *where, struct enclave_error *err) {
    err->code = ENCLAVE_OK;
    if (lua_isnoneornil(L, index)) {
        lua_pushnil(L);
        return NULL;
    }
    l_check_type(L, index, LUA_TTABLE, where, where);
    json_t **box = box_new(L);
    *box = l_to_json(L, index, where, err);
    if (!*box && err->misuse)
        l_fail(L, err);
    return *box;
}

/* ---- to Lua ------------------------------------------------------------------------------ */

static void push(lua_State *L, json_t *json) {
    const char *key;
    json_t *item;
    size_t i;
    luaL_checkstack(L, 6, "JSON is nested too deeply");
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        lua_createtable(L, 0, (int)json_object_size(json));
        json_object_foreach(json, key, item) {
            push(L, item);
            lua_setfield(L, -2, key);
        }
        break;
    case JSON_ARRAY:
        lua_createtable(L, (int)json_array_size(json), 0);
        json_array_foreach(json, i, item) {
            push(L, item);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        break;
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        lua_pushinteger(L, json_integer_value(json));
        break;
    case JSON_REAL:
        lua_pushnumber(L, json_real_value(json));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(L, json_is_true(json));
        break;
    case JSON_NULL:
        lua_pushlightuserdata(L, NULL);
        break;
    }
}

/* The values are made under a pcall: json is a foreign resource. */
static int push_protected(lua_State *L) {
    json_t *json = lua_touserdata(L, 1);
    push(L, json);
    return 1;
}

void l_push_json(lua_State *L, json_t *json) {
    if (!json) {
        luaL_error(L, "not enough memory");
        return;
    }
    if (!lua_checkstack(L, 4)) {
        json_decref(json);
        luaL_error(L, "stack overflow");
        return;
    }
    lua_pushcfunction(L, push_protected);
    lua_pushlightuserdata(L, json);
    int status = lua_pcall(L, 1, 1, 0);
    json_decref(json);
    if (status != LUA_OK)
        lua_error(L);
}
