/* The option table of exec and start, read straight into a struct enc_run_spec. */
#include <string.h>

#include "args.h"
#include "lua_run.h"

struct options {
    const char *warm, *code_path, *cwd, *user;
    struct l_bytes code, input;
    double timeout;
    uint64_t max_output;
    bool argv, env, limits, stdin_open, on_stdout, on_stderr, keep_output;
};

#define AT(field) offsetof(struct options, field)
static const struct l_field fields[] = {{"argv", L_TABLE, true, AT(argv)},
                                        {"warm", L_STRING, false, AT(warm)},
                                        {"code", L_BYTES, false, AT(code)},
                                        {"code_path", L_STRING, false, AT(code_path)},
                                        {"env", L_TABLE, false, AT(env)},
                                        {"cwd", L_STRING, false, AT(cwd)},
                                        {"user", L_STRING, false, AT(user)},
                                        {"stdin", L_BYTES, false, AT(input)},
                                        {"stdin_open", L_BOOLEAN, false, AT(stdin_open)},
                                        {"keep_output", L_BOOLEAN, false, AT(keep_output)},
                                        {"timeout", L_SECONDS, false, AT(timeout)},
                                        {"max_output_size", L_SIZE, false, AT(max_output)},
                                        {"limits", L_TABLE, false, AT(limits)},
                                        {"on_stdout", L_FUNCTION, false, AT(on_stdout)},
                                        {"on_stderr", L_FUNCTION, false, AT(on_stderr)},
                                        {0}};

#define LIMIT(field) offsetof(struct enc_limits, field)
static const struct l_field limit_fields[] = {{"cpu_seconds", L_SIZE, false, LIMIT(cpu_seconds)},
                                              {"memory", L_SIZE, false, LIMIT(memory_bytes)},
                                              {"file_size", L_SIZE, false, LIMIT(file_bytes)},
                                              {"open_files", L_SIZE, false, LIMIT(open_files)},
                                              {"processes", L_SIZE, false, LIMIT(processes)},
                                              {"stack", L_SIZE, false, LIMIT(stack_bytes)},
                                              {0}};

#define IN_ENV         0
#define MOST_ARGUMENTS 1000000

/* A string without NUL at the top of the stack, or NULL with err. what[i], or the variable
 * what. */
static const char *text(lua_State *L,
                        const char *op,
                        const char *what,
                        lua_Integer i,
                        size_t *len,
                        struct enclave_error *err) {
    char value[96];
    if (lua_type(L, -1) == LUA_TSTRING) {
        const char *string = lua_tolstring(L, -1, len);
        if (strlen(string) == *len)
            return string;
        enc_fail(err, ENCLAVE_INVALID, op, "%s: expected strings without NUL bytes", what);
        return NULL;
    }
    l_show(L, -1, value, sizeof value);
    if (i == IN_ENV)
        enc_fail_misuse(err, op, "env: %s: %s: expected a string", what, value);
    else
        enc_fail_misuse(err, op, "%s[%lld]: %s: expected a string", what, (long long)i, value);
    return NULL;
}

/* The list is on the top; the array takes its place. The table keeps the strings. */
static const char *const *read_argv(lua_State *L, const char *op, struct enclave_error *err) {
    size_t count = lua_rawlen(L, -1), len;
    if (count == 0) {
        enc_fail_misuse(err, op, "argv: an empty list: expected a program and its arguments");
        return NULL;
    }
    if (count > MOST_ARGUMENTS) { /* or a table with holes, whose length may be anything */
        enc_fail(err, ENCLAVE_INVALID, op, "argv: expected at most %d strings", MOST_ARGUMENTS);
        return NULL;
    }
    const char **argv = lua_newuserdatauv(L, (count + 1) * sizeof *argv, 0);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, -2, (lua_Integer)i + 1);
        argv[i] = text(L, op, "argv", (lua_Integer)i + 1, &len, err);
        lua_pop(L, 1);
        if (!argv[i])
            return NULL;
    }
    argv[count] = NULL;
    lua_remove(L, -2);
    return argv;
}

/* How many variables the map holds, and how long they are together as NAME=value. */
static int measure_env(lua_State *L,
                       int map,
                       const char *op,
                       size_t *count,
                       size_t *bytes,
                       struct enclave_error *err) {
    size_t name_len, value_len;
    *count = *bytes = 0;
    for (lua_pushnil(L); lua_next(L, map); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || !*lua_tostring(L, -2) ||
            strchr(lua_tostring(L, -2), '=')) {
            char name[96];
            l_show(L, -2, name, sizeof name);
            return enc_fail_misuse(err, op, "env: %s: expected names without \"=\" as keys", name);
        }
        const char *name = lua_tolstring(L, -2, &name_len);
        if (!text(L, op, name, IN_ENV, &value_len, err))
            return -1;
        if (strlen(name) != name_len)
            return enc_fail(err, ENCLAVE_INVALID, op, "env: expected names without NUL bytes");
        *bytes += name_len + value_len + 2;
        ++*count;
    }
    return 0;
}

/* The map is on the top; a block with the array and its strings takes its place. */
static const char *const *read_env(lua_State *L, const char *op, struct enclave_error *err) {
    size_t count, bytes, count_now, bytes_now, i = 0, name_len, value_len;
    int map = lua_gettop(L);
    if (measure_env(L, map, op, &count, &bytes, err))
        return NULL;
    const char **env = lua_newuserdatauv(L, (count + 1) * sizeof *env + bytes, 0);
    /* That may have run finalizers, and they may have changed the map. */
    if (measure_env(L, map, op, &count_now, &bytes_now, err))
        return NULL;
    if (count_now != count || bytes_now != bytes) {
        enc_fail(err, ENCLAVE_INVALID, op, "env: it was changed meanwhile");
        return NULL;
    }
    char *at = (char *)(env + count + 1);
    for (lua_pushnil(L); lua_next(L, map); lua_pop(L, 1)) {
        const char *name = lua_tolstring(L, -2, &name_len);
        const char *value = lua_tolstring(L, -1, &value_len);
        env[i++] = at;
        memcpy(at, name, name_len);
        at[name_len] = '=';
        memcpy(at + name_len + 1, value, value_len + 1);
        at += name_len + value_len + 2;
    }
    env[i] = NULL;
    lua_remove(L, map);
    return env;
}

static int read_limits(lua_State *L,
                       const char *op,
                       struct enc_run_spec *spec,
                       struct enclave_error *err) {
    l_raw_field(L, 2, "limits");
    return l_read_fields(L, -1, op, limit_fields, &spec->limits, err);
}

int l_read_spec(lua_State *L,
                const char *op,
                struct enc_run_spec *spec,
                struct enclave_error *err) {
    struct options options = {.timeout = -1};
    if (l_read_fields(L, 2, op, fields, &options, err))
        return -1;
    luaL_checkstack(L, 12, op);
    *spec = (struct enc_run_spec){.warm = options.warm,
                                  .code = options.code.data,
                                  .code_len = options.code.len,
                                  .code_path = options.code_path,
                                  .cwd = options.cwd,
                                  .user = options.user,
                                  .stdin_data = options.input.data,
                                  .stdin_len = options.input.len,
                                  .stdin_open = options.stdin_open,
                                  .max_output = options.max_output,
                                  .deadline = ENC_NEVER};
    if (options.timeout >= 0)
        spec->deadline = /* never is not the default here */
            enc_deadline_min(enc_deadline_in_seconds(options.timeout), ENC_NEVER - 1);
    l_raw_field(L, 2, "argv");
    if (!(spec->argv = read_argv(L, op, err)))
        return -1;
    if (options.env) {
        l_raw_field(L, 2, "env");
        if (!(spec->env = read_env(L, op, err)))
            return -1;
    }
    return options.limits ? read_limits(L, op, spec, err) : 0;
}
