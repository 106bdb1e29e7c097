/* The engine of a Lua state: made on first use, closed with everything that the state
 * made; its log; and work that callbacks of the loop leave for Lua. */
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "lua_pool.h"

#define CLOSE_LIMIT (5 * ENC_NS_PER_S)

/* ---- the log ------------------------------------------------------------------------ */

struct line {
    struct l_call call;
    struct l_core *core;
    enum enc_log_level level;
    char text[];
};

static void line_drop(struct l_call *call) {
    free(call);
}

static void line_run(lua_State *L, struct l_call *call) {
    struct line *line = (struct line *)call;
    struct l_core *core = line->core;
    char text[2048];
    enum enc_log_level level = line->level;
    snprintf(text, sizeof text, "%s", line->text);
    free(line);
    lua_rawgeti(L, LUA_REGISTRYINDEX, core->on_log);
    if (!lua_isfunction(L, -1))
        return;
    lua_pushstring(L, enc_log_level_name(level));
    lua_pushstring(L, text);
    /* An error in the log function has nowhere else to go. */
    if (lua_pcall(L, 2, 0, 0) != LUA_OK)
        fprintf(stderr, "enclave: %s: %s\n", enc_log_level_name(level), text);
}

static void on_line(void *data, enum enc_log_level level, const char *text) {
    struct l_core *core = data;
    size_t len = strlen(text) + 1;
    struct line *line = core->on_log == LUA_NOREF ? NULL : malloc(sizeof *line + len);
    if (!line) {
        fprintf(stderr, "enclave: %s: %s\n", enc_log_level_name(level), text);
        return;
    }
    *line =
        (struct line){.call = {.run = line_run, .drop = line_drop}, .core = core, .level = level};
    memcpy(line->text, text, len);
    l_call_later(core, &line->call);
}

void l_call_later(struct l_core *core, struct l_call *call) {
    enc_list_push_back(&core->calls, &call->in_calls);
}

/* ---- the engine ---------------------------------------------------------------------- */

struct enc_engine *l_engine(struct l_core *core, struct enclave_error *err) {
    if (core->engine)
        return core->engine;
    if (core->closed) {
        enc_fail(err, ENCLAVE_CLOSED, "engine", "the Lua state is closing");
        return NULL;
    }
    struct enc_engine_options options = {
        .log = {.level = ENC_LOG_WARN, .write = on_line, .data = core}};
    core->engine = enc_engine_new(&options, err);
    core->own_engine = core->engine != NULL;
    return core->engine;
}

struct enc_loop *l_loop(struct l_core *core) {
    return enc_engine_loop(core->engine);
}

struct enc_log *l_log(struct l_core *core) {
    return core->engine ? enc_engine_log(core->engine) : NULL;
}

void l_timer_stop(struct l_core *core, struct enc_timer *timer) {
    if (core->engine && timer->slot)
        enc_timer_stop(l_loop(core), timer);
}

struct enc_engine *enc_lua_engine(lua_State *L, struct enclave_error *err) {
    return l_engine(enc_lua_core(L), err);
}

int enc_lua_use_engine(lua_State *L, struct enc_engine *engine, struct enclave_error *err) {
    struct l_core *core = enc_lua_core(L);
    if (core->engine || core->closed)
        return enc_fail(err, ENCLAVE_INVALID, "engine", "this Lua state has an engine already");
    core->engine = engine;
    core->own_engine = false;
    return 0;
}

void enc_lua_interrupt(struct l_core *core) {
    core->interrupted = 1;
}

lua_State *enc_lua_current(struct l_core *core) {
    return core->current == core->L ? NULL : core->current;
}

void enc_lua_on_close(struct l_core *core, void (*on_close)(void)) {
    core->on_close = on_close;
}

/* ---- closing ---------------------------------------------------------------------------- */

static void close_late(struct enc_timer *timer) {
    (void)timer; /* it is there to wake the loop up */
}

static void close_tasks(lua_State *L, struct l_core *core) {
    while (!enc_list_empty(&core->tasks)) {
        struct l_task *task = ENC_CONTAINER_OF(core->tasks.next, struct l_task, in_tasks);
        l_task_kill(L, task);
    }
}

static void drop_calls(struct l_core *core) {
    struct enc_list *first;
    while ((first = enc_list_pop_front(&core->calls))) {
        struct l_call *call = ENC_CONTAINER_OF(first, struct l_call, in_calls);
        call->drop(call);
    }
}

static void begin(struct l_core *core) {
    core->closing = true;
    core->close_by = enc_deadline_in(CLOSE_LIMIT);
    if (core->on_close)
        core->on_close();
}

/* Pools and sandboxes of this state are removed; when the engine is the host program's it
 * stays, so the loop is turned until what was ours is gone. */
static void close_engine(struct l_core *core) {
    l_servers_close(core);
    l_watches_close(core);
    l_pools_close(core);
    l_sandboxes_close(core);
    if (core->own_engine) {
        enc_timer_stop(l_loop(core), &core->close_timer);
        enc_engine_free(core->engine, core->close_by);
    } else {
        while ((!enc_list_empty(&core->pools) || !enc_list_empty(&core->latches)) &&
               enc_deadline_left(core->close_by) && enc_loop_operations(l_loop(core)))
            enc_loop_turn(l_loop(core), true);
        enc_timer_stop(l_loop(core), &core->close_timer);
    }
    core->engine = NULL;
    l_pools_forget(core);
    while (!enc_list_empty(&core->latches)) {
        struct l_latch *latch = ENC_CONTAINER_OF(core->latches.next, struct l_latch, in_core);
        enc_list_remove(&latch->in_core);
        free(latch);
    }
}

void l_close(lua_State *L, struct l_core *core) {
    if (core->closing)
        return;
    begin(core);
    core->close_timer.fire = close_late;
    if (core->engine)
        enc_timer_start(l_loop(core), &core->close_timer, core->close_by);
    close_tasks(L, core);
    if (core->engine) {
        l_task_log_failures(L, core);
        l_run_calls(L, core);
        core->on_log = LUA_NOREF;
        drop_calls(core); /* answers hooks that will not run any more */
        close_engine(core);
    }
    l_budget_drop(core->budget);
    core->budget = NULL;
    core->closed = true;
    drop_calls(core);
}

void enc_lua_close(lua_State *L) {
    l_close(L, enc_lua_core(L));
}

void enc_lua_abandon(struct l_core *core) {
    if (core->closing || !core->engine)
        return;
    begin(core);
    core->on_log = LUA_NOREF;
    drop_calls(core);
    close_engine(core);
    core->closed = true;
    drop_calls(core);
}

/* ---- Lua -------------------------------------------------------------------------------- */

static enum enc_log_level level_of(lua_State *L, const char *op, const char *field, const char *s) {
    for (int level = ENC_LOG_DEBUG; level <= ENC_LOG_OFF; level++)
        if (strcmp(s, enc_log_level_name(level)) == 0)
            return level;
    return l_misuse(L, op, "%s: \"%.40s\": expected debug, info, warn, error or off", field, s);
}

struct settings {
    const char *log_level;
    bool on_log;
};

/* core.configure(options) */
static int configure(lua_State *L) {
    static const struct l_field fields[] = {
        {"log_level", L_STRING, false, offsetof(struct settings, log_level)},
        {"on_log", L_FUNCTION, false, offsetof(struct settings, on_log)},
        {0}};
    struct l_core *core = l_core(L);
    struct settings settings = {0};
    struct enclave_error err;
    if (l_read_fields(L, 1, "configure", fields, &settings, &err) || !l_engine(core, &err))
        return l_fail(L, &err);
    if (settings.log_level)
        l_log(core)->level = level_of(L, "configure", "log_level", settings.log_level);
    if (settings.on_log) {
        luaL_unref(L, LUA_REGISTRYINDEX, core->on_log);
        core->on_log = LUA_NOREF;
        l_raw_field(L, 1, "on_log");
        core->on_log = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_pushboolean(L, true);
    return 1;
}

/* core.log(level, line) */
static int log_line(lua_State *L) {
    struct l_core *core = l_core(L);
    struct enclave_error err;
    enum enc_log_level level = level_of(L, "log", "level", l_check_string(L, 1, "log", "level"));
    const char *line = l_check_string(L, 2, "log", "line");
    if (level == ENC_LOG_OFF)
        return l_misuse(L, "log", "level: \"off\": expected debug, info, warn or error");
    if (!l_engine(core, &err))
        return l_fail(L, &err);
    enc_log(l_log(core), level, "%s", line);
    return 0;
}

const luaL_Reg l_engine_functions[] = {{"configure", configure}, {"log", log_line}, {NULL, NULL}};
