#include "args.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void l_show(lua_State *L, int index, char *text, size_t size) {
    switch (lua_type(L, index)) {
    case LUA_TSTRING: {
        size_t len;
        const char *value = lua_tolstring(L, index, &len);
        snprintf(text, size, "\"%.60s\"%s", value, len > 60 ? "…" : "");
        break;
    }
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            snprintf(text, size, "%lld", (long long)lua_tointeger(L, index));
        else
            snprintf(text, size, "%.14g", lua_tonumber(L, index));
        break;
    case LUA_TBOOLEAN:
        snprintf(text, size, "%s", lua_toboolean(L, index) ? "true" : "false");
        break;
    case LUA_TNONE:
    case LUA_TNIL:
        snprintf(text, size, "nil");
        break;
    default:
        snprintf(text, size, "a %s", luaL_typename(L, index));
    }
}

static int wrong(lua_State *L,
                 int index,
                 bool misuse,
                 const char *op,
                 const char *name,
                 const char *expected,
                 struct enclave_error *err) {
    char value[96];
    l_show(L, index, value, sizeof value);
    enc_fail(err, ENCLAVE_INVALID, op, "%s: %s: expected %s", name, value, expected);
    if (err)
        err->misuse = misuse;
    return -1;
}

/* The one place where seconds are checked. */
static int read_seconds(lua_State *L,
                        int index,
                        const char *op,
                        const char *name,
                        double *seconds,
                        struct enclave_error *err) {
    static const char expected[] = "a finite number of seconds >= 0";
    if (lua_type(L, index) != LUA_TNUMBER)
        return wrong(L, index, true, op, name, expected, err);
    double value = lua_tonumber(L, index);
    if (!isfinite(value) || value < 0)
        return wrong(L, index, false, op, name, expected, err);
    *seconds = value;
    return 0;
}

int l_read_timeout(lua_State *L,
                   int index,
                   const char *op,
                   const char *name,
                   enc_deadline *deadline,
                   struct enclave_error *err) {
    double seconds;
    *deadline = ENC_NEVER;
    if (lua_isnoneornil(L, index))
        return 0;
    if (read_seconds(L, index, op, name, &seconds, err))
        return -1;
    *deadline = enc_deadline_in_seconds(seconds);
    return 0;
}

static int read_string(lua_State *L,
                       const struct l_field *field,
                       const char *op,
                       void *at,
                       struct enclave_error *err) {
    size_t len;
    if (lua_type(L, -1) != LUA_TSTRING)
        return wrong(L, -1, true, op, field->name, "a string", err);
    const char *value = lua_tolstring(L, -1, &len);
    if (field->kind == L_BYTES)
        *(struct l_bytes *)at = (struct l_bytes){value, len};
    else if (strlen(value) != len)
        return wrong(L, -1, false, op, field->name, "a string without NUL bytes", err);
    else
        *(const char **)at = value;
    return 0;
}

static int read_size(lua_State *L,
                     const struct l_field *field,
                     const char *op,
                     void *at,
                     struct enclave_error *err) {
    static const char expected[] = "a number of bytes >= 0 or a size such as \"512m\"";
    int type = lua_type(L, -1), exact = 0;
    if (type == LUA_TSTRING) {
        if (enc_parse_size(lua_tostring(L, -1), at))
            return wrong(L, -1, false, op, field->name, expected, err);
        return 0;
    }
    if (type != LUA_TNUMBER)
        return wrong(L, -1, true, op, field->name, expected, err);
    lua_Integer value = lua_tointegerx(L, -1, &exact);
    if (!exact || value < 0)
        return wrong(L, -1, false, op, field->name, expected, err);
    *(uint64_t *)at = (uint64_t)value;
    return 0;
}

/* The value is on the top. */
static int read_field(lua_State *L,
                      const struct l_field *field,
                      const char *op,
                      void *at,
                      struct enclave_error *err) {
    int exact = 0;
    switch (field->kind) {
    case L_STRING:
    case L_BYTES:
        return read_string(L, field, op, at, err);
    case L_SECONDS:
        return read_seconds(L, -1, op, field->name, at, err);
    case L_SIZE:
        return read_size(L, field, op, at, err);
    case L_INTEGER: {
        if (lua_type(L, -1) != LUA_TNUMBER)
            return wrong(L, -1, true, op, field->name, "an integer >= 0", err);
        lua_Integer value = lua_tointegerx(L, -1, &exact);
        if (!exact || value < 0)
            return wrong(L, -1, false, op, field->name, "an integer >= 0", err);
        *(lua_Integer *)at = value;
        return 0;
    }
    case L_BOOLEAN:
        if (!lua_isboolean(L, -1))
            return wrong(L, -1, true, op, field->name, "a boolean", err);
        *(bool *)at = lua_toboolean(L, -1);
        return 0;
    case L_FUNCTION:
        if (!lua_isfunction(L, -1))
            return wrong(L, -1, true, op, field->name, "a function", err);
        *(bool *)at = true;
        return 0;
    case L_TABLE:
        if (!lua_istable(L, -1))
            return wrong(L, -1, true, op, field->name, "a table", err);
        *(bool *)at = true;
        return 0;
    }
    return enc_fail(err, ENCLAVE_INTERNAL, op, "no such kind of field");
}

static int unknown(lua_State *L,
                   const char *op,
                   const struct l_field *fields,
                   struct enclave_error *err) {
    char key[96], known[512] = "";
    size_t len = 0;
    l_show(L, -2, key, sizeof key);
    for (const struct l_field *f = fields; f->name && len < sizeof known; f++)
        len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", len ? ", " : "", f->name);
    return enc_fail_misuse(err, op, "unknown option %s: expected one of %s", key, known);
}

int l_read_fields(lua_State *L,
                  int index,
                  const char *op,
                  const struct l_field *fields,
                  void *out,
                  struct enclave_error *err) {
    index = lua_absindex(L, index);
    if (!lua_istable(L, index))
        return wrong(L, index, true, op, "options", "a table", err);
    if (!lua_checkstack(L, 4))
        return enc_fail_nomem(err, op);
    uint32_t seen = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        const struct l_field *field = fields;
        while (field->name && strcmp(field->name, key) != 0)
            field++;
        int rc = field->name ? read_field(L, field, op, (char *)out + field->at, err)
                             : unknown(L, op, fields, err);
        if (rc) {
            lua_pop(L, 2);
            return -1;
        }
        seen |= 1u << (field - fields);
    }
    for (const struct l_field *field = fields; field->name; field++)
        if (field->required && !(seen >> (field - fields) & 1))
            return enc_fail_misuse(err, op, "%s: nil: this option is required", field->name);
    return 0;
}

int l_raw_field(lua_State *L, int index, const char *name) {
    index = lua_absindex(L, index);
    lua_pushstring(L, name);
    return lua_rawget(L, index);
}

void l_check_type(lua_State *L, int index, int type, const char *op, const char *name) {
    if (lua_type(L, index) == type)
        return;
    char value[96];
    l_show(L, index, value, sizeof value);
    l_misuse(L, op, "%s: %s: expected a %s", name, value, lua_typename(L, type));
}

const char *l_check_bytes(lua_State *L, int index, const char *op, const char *name, size_t *len) {
    l_check_type(L, index, LUA_TSTRING, op, name);
    return lua_tolstring(L, index, len);
}

const char *l_check_string(lua_State *L, int index, const char *op, const char *name) {
    size_t len;
    const char *value = l_check_bytes(L, index, op, name, &len);
    if (strlen(value) != len)
        l_misuse(L, op, "%s: \"%.60s\": expected a string without NUL bytes", name, value);
    return value;
}

lua_Integer l_check_integer(lua_State *L, int index, const char *op, const char *name) {
    int exact = 0;
    l_check_type(L, index, LUA_TNUMBER, op, name);
    lua_Integer value = lua_tointegerx(L, index, &exact);
    if (!exact)
        l_misuse(L, op, "%s: %.14g: expected an integer", name, lua_tonumber(L, index));
    return value;
}

bool l_opt_function(lua_State *L, int index, const char *op, const char *name) {
    if (lua_isnoneornil(L, index))
        return false;
    l_check_type(L, index, LUA_TFUNCTION, op, name);
    return true;
}
