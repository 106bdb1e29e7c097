/* core.json_encode: the text of a Lua value, with what lua-cjson leaves open: keys in order,
 * empty arrays, integers that stay integers, bytes that are not UTF-8. core.json_integers: a value
 * of a text with integers that lua-cjson, which reads all numbers as doubles, would change. */
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "buf.h"

#define MAX_DEPTH 128
#define WRITER    "enclave.JsonWriter"
#define ARRAY     2 /* the metatables that mark, as arguments */
#define READY     3

struct key {
    const char *text; /* NULL: a number; the table keeps it alive */
    size_t len;
    char number[32];
    bool whole;
    lua_Integer integer;
    lua_Number value;
};

struct writer {
    lua_State *L;
    struct enc_buf out;
    struct key *keys; /* of the objects that are open, the innermost ones last */
    size_t count, cap;
    const char *problem; /* a format */
    const char *word;    /* in it */
};

static bool fail(struct writer *w, const char *problem, const char *word) {
    w->problem = problem;
    w->word = word;
    return false;
}

static bool put(struct writer *w, const char *bytes, size_t len) {
    return enc_buf_append(&w->out, bytes, len) || fail(w, "json: not enough memory", NULL);
}

/* ---- scalars ----------------------------------------------------------------------------- */

/* The bytes of the character that begins here; 0: it is none of UTF-8. */
static size_t character(const unsigned char *at, size_t left) {
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = *at < 0xC2 ? 0 : *at < 0xE0 ? 2 : *at < 0xF0 ? 3 : *at < 0xF5 ? 4 : 0;
    if (!len || len > left)
        return 0;
    unsigned code = *at & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3F);
    }
    bool surrogate = code >= 0xD800 && code < 0xE000;
    return code >= least[len] && code <= 0x10FFFF && !surrogate ? len : 0;
}

static bool escape(struct writer *w, unsigned char byte) {
    static const char named[] = "\b\t\n\f\r\"\\", names[] = "btnfr\"\\";
    const char *found = byte ? strchr(named, byte) : NULL;
    char text[8];
    int len = found ? snprintf(text, sizeof text, "\\%c", names[found - named])
                    : snprintf(text, sizeof text, "\\u%04x", byte);
    return put(w, text, (size_t)len);
}

static bool write_text(struct writer *w, const char *text, size_t len) {
    const unsigned char *at = (const unsigned char *)text, *end = at + len, *plain = at;
    bool fine = put(w, "\"", 1);
    while (fine && at < end) {
        size_t size = 1;
        bool ascii = *at >= 0x20 && *at < 0x7F && *at != '"' && *at != '\\';
        if (!ascii && (size = *at < 0x80 ? 0 : character(at, (size_t)(end - at))) == 0) {
            fine = put(w, (const char *)plain, (size_t)(at - plain)) &&
                   (*at < 0x80 ? escape(w, *at) : put(w, "\xEF\xBF\xBD", 3));
            plain = ++at;
        }
        at += size;
    }
    return fine && put(w, (const char *)plain, (size_t)(at - plain)) && put(w, "\"", 1);
}

/* As few digits as give back the same number. */
static int real_text(lua_Number value, char text[32]) {
    static const int digits[] = {14, 16, 17};
    int len = 0;
    for (size_t i = 0; i < sizeof digits / sizeof *digits; i++) {
        len = snprintf(text, 32, "%.*g", digits[i], value);
        if (strtod(text, NULL) == value)
            break;
    }
    return len;
}

/* Into text, as JSON has it: a number that is none is null. */
static size_t number_text(lua_State *L, int index, char text[32]) {
    lua_Number value = lua_tonumber(L, index);
    int whole, len;
    lua_Integer integer = lua_tointegerx(L, index, &whole);
    if (whole)
        len = snprintf(text, 32, LUA_INTEGER_FMT, integer);
    else if (value != value || value - value != 0)
        len = snprintf(text, 32, "null");
    else
        len = real_text(value, text);
    char *comma = strchr(text, ','); /* of the locale */
    if (comma)
        *comma = '.';
    return (size_t)len;
}

/* ---- tables --------------------------------------------------------------------------------- */

static bool write_value(struct writer *w, int index, int depth);

static bool has_mark(lua_State *L, int index, int mark) {
    bool same = lua_getmetatable(L, index) && lua_rawequal(L, -1, mark);
    lua_settop(L, index);
    return same;
}

/* The keys are 1 to n, and n is not 0. The table is at the top. */
static bool is_sequence(lua_State *L, int index) {
    lua_Integer length = (lua_Integer)lua_rawlen(L, index), count = 0;
    if (!length)
        return false;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1), count++) {
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1 || lua_tointeger(L, -2) > length) {
            lua_settop(L, index);
            return false;
        }
    }
    return count == length;
}

static bool write_array(struct writer *w, int index, int depth) {
    lua_Integer length = (lua_Integer)lua_rawlen(w->L, index);
    bool fine = put(w, "[", 1);
    for (lua_Integer i = 1; fine && i <= length; i++) {
        lua_rawgeti(w->L, index, i);
        fine = (i == 1 || put(w, ",", 1)) && write_value(w, index + 1, depth);
        lua_settop(w->L, index);
    }
    return fine && put(w, "]", 1);
}

static bool add_key(struct writer *w, int index) {
    if (w->count == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 32;
        struct key *keys = realloc(w->keys, cap * sizeof *keys);
        if (!keys)
            return fail(w, "json: not enough memory", NULL);
        w->keys = keys;
        w->cap = cap;
    }
    struct key *key = &w->keys[w->count];
    int type = lua_type(w->L, index);
    *key = (struct key){.value = 0};
    if (type == LUA_TSTRING) {
        key->text = lua_tolstring(w->L, index, &key->len);
    } else if (type == LUA_TNUMBER) {
        key->value = lua_tonumber(w->L, index);
        key->whole = lua_isinteger(w->L, index);
        key->integer = lua_tointeger(w->L, index);
        key->len = number_text(w->L, index, key->number);
    } else {
        return fail(w, "json: a key must be a string, got a %s", lua_typename(w->L, type));
    }
    w->count++;
    return true;
}

static int order(const void *one, const void *other) {
    const struct key *a = one, *b = other;
    size_t len = a->len < b->len ? a->len : b->len;
    int less = memcmp(a->text ? a->text : a->number, b->text ? b->text : b->number, len);
    return less ? less : (a->len > b->len) - (a->len < b->len);
}

static bool write_member(struct writer *w, int index, const struct key *key, int depth) {
    if (!write_text(w, key->text ? key->text : key->number, key->len) || !put(w, ":", 1))
        return false;
    if (key->text)
        lua_pushlstring(w->L, key->text, key->len);
    else if (key->whole)
        lua_pushinteger(w->L, key->integer);
    else
        lua_pushnumber(w->L, key->value);
    lua_rawget(w->L, index);
    bool fine = write_value(w, index + 1, depth);
    lua_settop(w->L, index);
    return fine;
}

static bool write_object(struct writer *w, int index, int depth) {
    size_t first = w->count;
    bool fine = put(w, "{", 1);
    for (lua_pushnil(w->L); fine && lua_next(w->L, index); lua_pop(w->L, 1))
        fine = add_key(w, index + 1);
    lua_settop(w->L, index);
    size_t end = w->count;
    if (end - first > 1)
        qsort(w->keys + first, end - first, sizeof *w->keys, order);
    for (size_t i = first; fine && i < end; i++) {
        struct key key = w->keys[i]; /* the list may move */
        fine = (i == first || put(w, ",", 1)) && write_member(w, index, &key, depth);
    }
    w->count = first;
    return fine && put(w, "}", 1);
}

static bool write_table(struct writer *w, int index, int depth) {
    lua_State *L = w->L;
    if (has_mark(L, index, READY)) {
        size_t len;
        lua_getfield(L, index, "text");
        const char *text = lua_tolstring(L, -1, &len);
        return put(w, text ? text : "null", text ? len : 4);
    }
    if (depth >= MAX_DEPTH)
        return fail(w, "json: more than 128 levels deep", NULL);
    if (!lua_checkstack(L, 6))
        return fail(w, "json: not enough memory", NULL);
    return has_mark(L, index, ARRAY) || is_sequence(L, index) ? write_array(w, index, depth + 1)
                                                              : write_object(w, index, depth + 1);
}

/* The value is at the top, at this index. */
static bool write_value(struct writer *w, int index, int depth) {
    lua_State *L = w->L;
    int type = lua_type(L, index);
    char number[32];
    size_t len;
    switch (type) {
    case LUA_TSTRING: {
        const char *text = lua_tolstring(L, index, &len);
        return write_text(w, text, len);
    }
    case LUA_TNUMBER:
        len = number_text(L, index, number);
        return put(w, number, len);
    case LUA_TBOOLEAN:
        return lua_toboolean(L, index) ? put(w, "true", 4) : put(w, "false", 5);
    case LUA_TNIL:
        return put(w, "null", 4);
    case LUA_TTABLE:
        return write_table(w, index, depth);
    default:
        if (type == LUA_TLIGHTUSERDATA && !lua_touserdata(L, index))
            return put(w, "null", 4);
        return fail(w, "json: a %s cannot be written", lua_typename(L, type));
    }
}

static int writer_gc(lua_State *L) {
    struct writer *w = lua_touserdata(L, 1);
    enc_buf_free(&w->out);
    free(w->keys);
    w->keys = NULL;
    return 0;
}

/* core.json_encode(value, array mark, ready mark) */
static int encode(lua_State *L) {
    lua_settop(L, 3);
    struct writer *w = lua_newuserdatauv(L, sizeof *w, 0);
    *w = (struct writer){.L = L};
    if (luaL_newmetatable(L, WRITER)) {
        lua_pushcfunction(L, writer_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    lua_pushvalue(L, 1);
    bool fine = write_value(w, lua_gettop(L), 0);
    if (!fine) {
        lua_pushfstring(L, w->problem, w->word);
        return lua_error(L);
    }
    lua_pushlstring(L, w->out.data ? w->out.data : "", w->out.len);
    enc_buf_free(&w->out);
    return 1;
}

/* ---- reading ------------------------------------------------------------------------------ */

#define DIGITS 16 /* of the first integer that no double holds */

/* Also in a string: then the text is read once more for nothing. */
static bool has_long_integer(const char *text, size_t len) {
    bool fraction = false;
    size_t run = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] >= '0' && text[i] <= '9') {
            if (++run == DIGITS && !fraction)
                return true;
        } else {
            run = 0;
            fraction = text[i] == '.';
        }
    }
    return false;
}

/* core.json_integers(text) */
static int integers(lua_State *L) {
    size_t len;
    const char *text = l_check_bytes(L, 1, "json_integers", "text", &len);
    json_t *json = has_long_integer(text, len)
                       ? json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
                       : NULL;
    if (!json)
        return 0;
    l_push_json(L, json);
    return 1;
}

const luaL_Reg l_json_functions[] = {
    {"json_encode", encode}, {"json_integers", integers}, {NULL, NULL}};
