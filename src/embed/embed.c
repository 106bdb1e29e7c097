/* Engines for C programs: a Lua state with a manager in it, on a thread of its own or on the
 * program's loop. */
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lualib.h>

#include "bundle.h"
#include "embed_inside.h"

#define CLOSE_LIMIT (8 * ENC_NS_PER_S)

const char *enclave_version(void) {
    return ENCLAVE_VERSION;
}

void enclave_options_init(struct enclave_options *options, size_t size) {
    if (!options || size < sizeof options->size)
        return;
    memset(options, 0, size);
    options->size = size;
}

int enclave_use_allocator(void *(*malloc_function)(size_t size),
                          void *(*realloc_function)(void *pointer, size_t size),
                          void *(*calloc_function)(size_t count, size_t size),
                          void (*free_function)(void *pointer),
                          struct enclave_error *err) {
    if (uv_replace_allocator(malloc_function, realloc_function, calloc_function, free_function))
        return enc_fail(err, ENCLAVE_INVALID, "use_allocator", "expected four functions");
    return 0;
}

/* ---- the Lua state ------------------------------------------------------------------------- */

#ifdef ENCLAVE_WITH_CJSON /* linked: see CMakeLists.txt */
int luaopen_cjson(lua_State *L);
#endif

void enclave_lua_open(struct lua_State *L) {
    enc_bundle_use(L, true);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
#ifdef ENCLAVE_WITH_CJSON
    lua_pushcfunction(L, luaopen_cjson);
    lua_setfield(L, -2, "cjson");
#endif
    lua_pushcfunction(L, luaopen_enclave_core);
    lua_setfield(L, -2, "enclave.core");
    lua_pop(L, 1);
}

/* enclave, its options: keeps the function for calls. */
static int open_state(lua_State *L) {
    struct enclave *engine = lua_touserdata(L, 1);
    const struct enclave_options *options = lua_touserdata(L, 2);
    struct enclave_error err;
    engine->core = enc_lua_core(L);
    luaL_openlibs(L);
    enclave_lua_open(L);
    if (enc_lua_use_engine(L, engine->engine, &err))
        return luaL_error(L, "%s", err.message);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "enclave.embed");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "open");
    lua_pushstring(L, options->manager); /* NULL: nil */
    lua_call(L, 1, 1);
    engine->call = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static int open_lua(struct enclave *engine,
                    const struct enclave_options *options,
                    struct enclave_error *err) {
    engine->L = options->allocate ? lua_newstate(options->allocate, options->allocate_data)
                                  : luaL_newstate();
    if (!engine->L)
        return enc_fail_nomem(err, "open");
    lua_State *L = engine->L;
    lua_pushcfunction(L, open_state);
    lua_pushlightuserdata(L, engine);
    lua_pushlightuserdata(L, (void *)options);
    if (lua_pcall(L, 2, 0, 0) == LUA_OK)
        return 0;
    l_to_error(L, -1, "open", err);
    return -1;
}

static void on_log(void *data, enum enc_log_level level, const char *line) {
    struct enclave *engine = data;
    if (engine->telling)
        return; /* what it did itself led to this line */
    engine->telling = true;
    engine->log(engine->log_data, (enum enclave_log_level)level, line);
    engine->telling = false;
}

/* ---- its handles on the loop ------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle) {
    free(handle);
}

static void close_handle(void *handle) {
    if (handle)
        uv_close(handle, on_closed);
}

static void on_wake(uv_async_t *handle) {
    struct enclave *engine = handle->data;
    bool before = engine->pumping;
    engine->pumping = true;
    enc_embed_take(engine);
    engine->pumping = before;
}

static void on_busy(uv_idle_t *handle) {
    (void)handle; /* the loop does not sleep */
}

/* Before and after the loop sleeps: tasks go on, on the program's stack. */
static void pump(struct enclave *engine) {
    if (engine->pumping)
        return;
    engine->pumping = true;
    bool more = enc_lua_pump(engine->L, engine->core);
    engine->pumping = false;
    if (more)
        uv_idle_start(engine->busy, on_busy);
    else
        uv_idle_stop(engine->busy);
}

static void on_before(uv_prepare_t *handle) {
    pump(handle->data);
}

static void on_after(uv_check_t *handle) {
    pump(handle->data);
}

static int open_handles(struct enclave *engine, struct enclave_error *err) {
    uv_loop_t *loop = enc_loop_uv(enc_engine_loop(engine->engine));
    engine->wake = calloc(1, sizeof *engine->wake);
    if (!engine->wake || uv_async_init(loop, engine->wake, on_wake)) {
        free(engine->wake);
        engine->wake = NULL;
        return enc_fail_nomem(err, "open");
    }
    engine->wake->data = engine;
    if (engine->own_thread)
        return 0;
    engine->before = calloc(1, sizeof *engine->before);
    engine->after = calloc(1, sizeof *engine->after);
    engine->busy = calloc(1, sizeof *engine->busy);
    if (engine->before)
        uv_prepare_init(loop, engine->before);
    if (engine->after)
        uv_check_init(loop, engine->after);
    if (engine->busy)
        uv_idle_init(loop, engine->busy);
    if (!engine->before || !engine->after || !engine->busy)
        return enc_fail_nomem(err, "open");
    engine->before->data = engine->after->data = engine;
    uv_prepare_start(engine->before, on_before);
    uv_check_start(engine->after, on_after);
    return 0;
}

/* ---- opening and closing --------------------------------------------------------------------- */

static int close_state(lua_State *L) {
    enc_lua_close(L);
    return 0;
}

/* On the thread of the loop. */
static void shut(struct enclave *engine) {
    engine->pumping = true; /* from here on callbacks are in this, and may not close it again */
    enc_embed_refuse(engine);
    if (engine->core) { /* without memory it may raise; what is left, lua_close ends */
        lua_pushcfunction(engine->L, close_state);
        lua_pcall(engine->L, 0, 0, 0);
    }
    if (engine->L)
        lua_close(engine->L);
    close_handle(engine->wake);
    close_handle(engine->before);
    close_handle(engine->after);
    close_handle(engine->busy);
    enc_engine_free(engine->engine, enc_deadline_in(CLOSE_LIMIT));
}

static int start(struct enclave *engine,
                 const struct enclave_options *options,
                 struct enclave_error *err) {
    struct enc_engine_options own = {.loop = options->loop, .log = {.level = ENC_LOG_WARN}};
    if (engine->log) {
        own.log.write = on_log;
        own.log.data = engine;
    }
    engine->engine = enc_engine_new(&own, err);
    if (!engine->engine)
        return -1;
    if (open_handles(engine, err) || open_lua(engine, options, err)) {
        shut(engine);
        return -1;
    }
    return 0;
}

struct starting {
    struct enclave *engine;
    const struct enclave_options *options;
    struct enclave_error *err;
    uv_sem_t ready;
    bool failed;
};

static bool is_stopping(struct enclave *engine) {
    uv_mutex_lock(&engine->lock);
    bool stopping = engine->stopping;
    uv_mutex_unlock(&engine->lock);
    return stopping;
}

static void serve(struct starting *starting) {
    struct enclave *engine = starting->engine;
    starting->failed = start(engine, starting->options, starting->err) != 0;
    bool failed = starting->failed;
    uv_sem_post(&starting->ready); /* starting is gone from here on */
    if (failed)
        return;
    while (!is_stopping(engine)) {
        bool more = enc_lua_pump(engine->L, engine->core);
        /* Tasks may have turned the loop, and so have taken the wake-up of a close. */
        enc_loop_turn(enc_engine_loop(engine->engine), !more && !is_stopping(engine));
    }
    shut(engine);
}

/* Numbers are read and written in the C locale there, also when the program sets another later. */
static void run(void *starting) {
    locale_t locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (locale)
        uselocale(locale);
    serve(starting);
    uselocale(LC_GLOBAL_LOCALE);
    if (locale)
        freelocale(locale);
}

/* The program's signals are for its own threads. */
static int start_thread(struct enclave *engine, struct starting *starting) {
    sigset_t all, before;
    if (uv_sem_init(&starting->ready, 0))
        return enc_fail_nomem(starting->err, "open");
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = uv_thread_create(&engine->thread, run, starting);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        uv_sem_destroy(&starting->ready);
        return enc_fail(starting->err,
                        ENCLAVE_INTERNAL,
                        "open",
                        "cannot start a thread: %s",
                        uv_strerror(failed));
    }
    uv_sem_wait(&starting->ready);
    uv_sem_destroy(&starting->ready);
    if (!starting->failed)
        return 0;
    uv_thread_join(&engine->thread);
    return -1;
}

struct enclave *enclave_open(const struct enclave_options *given, struct enclave_error *err) {
    struct enclave_options options;
    struct enclave_error own;
    ENCLAVE_OPTIONS_INIT(&options);
    if (given && (given->size < offsetof(struct enclave_options, manager) + sizeof(char *) ||
                  given->size > 4096)) {
        enc_fail(err, ENCLAVE_INVALID, "open", "options.size: expected enclave_options_init");
        return NULL;
    }
    /* A newer program's further fields are unknown here, an older one's are zero. */
    if (given)
        memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    struct enclave *engine = calloc(1, sizeof *engine);
    if (!engine || uv_mutex_init(&engine->lock)) {
        free(engine);
        enc_fail_nomem(err, "open");
        return NULL;
    }
    engine->log = options.log;
    engine->log_data = options.log_data;
    engine->own_thread = !options.loop;
    engine->process = (long)getpid();
    enc_list_init(&engine->incoming);
    enc_list_init(&engine->running);
    struct starting starting = {.engine = engine, .options = &options, .err = err ? err : &own};
    engine->thread = uv_thread_self();
    if (engine->own_thread ? start_thread(engine, &starting)
                           : start(engine, &options, starting.err)) {
        uv_mutex_destroy(&engine->lock);
        free(engine);
        return NULL;
    }
    return engine;
}

void enclave_close(struct enclave *engine) {
    if (!engine || !enc_embed_is_here(engine))
        return;
    bool inside = enc_embed_inside(engine);
    const char *where = NULL;
    if (enc_embed_in_callback(engine) || (inside && engine->waiting))
        where = "in a callback";
    else if (!engine->own_thread && !inside)
        where = "on another thread than that of its loop";
    if (where) {
        enc_log(enc_engine_log(engine->engine),
                ENC_LOG_ERROR,
                "enclave_close was called %s: the engine stays open",
                where);
        return;
    }
    if (engine->own_thread) {
        uv_mutex_lock(&engine->lock);
        engine->stopping = true;
        uv_async_send(engine->wake);
        uv_mutex_unlock(&engine->lock);
        uv_thread_join(&engine->thread);
    } else {
        shut(engine);
    }
    uv_mutex_destroy(&engine->lock);
    free(engine);
}
