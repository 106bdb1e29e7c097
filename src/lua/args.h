/* args.h - strict reading of arguments and option tables. A wrong type, an unknown or a
 * missing field is thrown; a value that cannot be used comes as an error. Every message
 * names the field, the value and what was expected. */
#ifndef ENC_L_ARGS_H
#define ENC_L_ARGS_H

#include "core.h"

/* Where a field's value goes: */
enum l_kind {
    L_STRING,   /* const char *: no NUL inside */
    L_BYTES,    /* struct l_bytes */
    L_SECONDS,  /* double, >= 0; negative when it was not given */
    L_INTEGER,  /* lua_Integer, >= 0 */
    L_SIZE,     /* uint64_t: a number or "512m" */
    L_BOOLEAN,  /* bool */
    L_FUNCTION, /* bool: it is there */
    L_TABLE,    /* bool: it is there */
};

struct l_bytes {
    const char *data;
    size_t len;
};

struct l_field {
    const char *name;
    enum l_kind kind;
    bool required;
    size_t at; /* offset in the struct */
};

/* Reads the table at index into out; the list ends with a NULL name. Strings stay owned by
 * the table. 0, or -1 with err; raises nothing. */
int l_read_fields(lua_State *L,
                  int index,
                  const char *op,
                  const struct l_field *fields,
                  void *out,
                  struct enclave_error *err);

/* nil is ENC_NEVER. 0, or -1 with err. */
int l_read_timeout(lua_State *L,
                   int index,
                   const char *op,
                   const char *name,
                   enc_deadline *deadline,
                   struct enclave_error *err);

/* Raise. */
const char *l_check_bytes(lua_State *L, int index, const char *op, const char *name, size_t *len);
lua_Integer l_check_integer(lua_State *L, int index, const char *op, const char *name);
const char *l_check_string(lua_State *L, int index, const char *op, const char *name);
void l_check_type(lua_State *L, int index, int type, const char *op, const char *name);
/* nil or a function. */
bool l_opt_function(lua_State *L, int index, const char *op, const char *name);

/* A field of the table at index onto the stack, and its type; calls no metamethod. */
int l_raw_field(lua_State *L, int index, const char *name);

/* The value, for a message. */
void l_show(lua_State *L, int index, char *text, size_t size);

#endif
