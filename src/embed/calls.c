/* Calls: submitted by any thread, begun and ended on the engine's. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "embed_inside.h"

/* ---- a call ------------------------------------------------------------------------------ */

static void call_free(struct enc_embed_call *call) {
    for (size_t i = 0; i < sizeof call->texts / sizeof *call->texts; i++)
        free(call->texts[i]);
    free(call);
}

static struct enc_embed_call *call_new(const char *const texts[4], struct enclave_error *err) {
    struct enc_embed_call *call = calloc(1, sizeof *call);
    for (size_t i = 0; call && i < 4; i++) {
        if (texts[i] && !(call->texts[i] = strdup(texts[i]))) {
            call_free(call);
            call = NULL;
        }
    }
    if (!call)
        enc_fail_nomem(err, "call");
    return call;
}

static int push(lua_State *L, struct enc_lua_job *job) {
    struct enc_embed_call *call = ENC_CONTAINER_OF(job, struct enc_embed_call, job);
    luaL_checkstack(L, 5, "call");
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->engine->call);
    for (int i = 0; i < 4; i++)
        lua_pushstring(L, call->texts[i]); /* NULL: nil */
    return 4;
}

static void on_end(struct enc_lua_job *job,
                   lua_State *co,
                   int count,
                   const struct enclave_error *err) {
    struct enc_embed_call *call = ENC_CONTAINER_OF(job, struct enc_embed_call, job);
    struct enclave *engine = call->engine;
    struct enclave_error none;
    const char *json = co && count ? lua_tostring(co, -count) : NULL;
    if (!json && !err) {
        enc_fail(&none, ENCLAVE_INTERNAL, "call", "a call gave no value");
        err = &none;
    }
    uv_mutex_lock(&engine->lock);
    enc_list_remove(&call->in_engine);
    uv_mutex_unlock(&engine->lock);
    if (call->done)
        call->done(call->data, json, err);
    call_free(call);
}

void enc_embed_take(struct enclave *engine) {
    struct enc_list cancelled;
    enc_list_init(&cancelled);
    uv_mutex_lock(&engine->lock);
    struct enc_list *at;
    while (!engine->stopping && (at = enc_list_pop_front(&engine->incoming))) {
        struct enc_embed_call *call = ENC_CONTAINER_OF(at, struct enc_embed_call, in_engine);
        enc_list_push_back(&engine->running, at);
        enc_lua_job_start(engine->core, &call->job);
    }
    bool cancels = engine->cancels;
    engine->cancels = false;
    if (cancels) {
        ENC_LIST_FOR_EACH_SAFE(cursor, &engine->running) {
            struct enc_embed_call *call =
                ENC_CONTAINER_OF(cursor, struct enc_embed_call, in_engine);
            if (call->cancel) {
                call->cancel = false;
                enc_list_remove(cursor);
                enc_list_push_back(&cancelled, cursor);
            }
        }
    }
    uv_mutex_unlock(&engine->lock);
    /* Their ends may come at once, and call back into here. */
    while ((at = enc_list_pop_front(&cancelled))) {
        struct enc_embed_call *call = ENC_CONTAINER_OF(at, struct enc_embed_call, in_engine);
        uv_mutex_lock(&engine->lock);
        enc_list_push_back(&engine->running, at);
        uv_mutex_unlock(&engine->lock);
        enc_lua_job_cancel(&call->job);
    }
}

void enc_embed_refuse(struct enclave *engine) {
    struct enclave_error err;
    struct enc_list refused, *at;
    enc_list_init(&refused);
    enc_fail(&err, ENCLAVE_CANCELLED, "call", "the engine is closing");
    uv_mutex_lock(&engine->lock);
    engine->stopping = true;
    while ((at = enc_list_pop_front(&engine->incoming)))
        enc_list_push_back(&refused, at);
    uv_mutex_unlock(&engine->lock);
    while ((at = enc_list_pop_front(&refused))) {
        struct enc_embed_call *call = ENC_CONTAINER_OF(at, struct enc_embed_call, in_engine);
        if (call->done)
            call->done(call->data, NULL, &err);
        call_free(call);
    }
}

/* ---- from any thread ----------------------------------------------------------------------- */

bool enc_embed_is_here(const struct enclave *engine) {
    return engine->process == (long)getpid();
}

/* Whether there is an engine and a method to call. */
static int check(const struct enclave *engine,
                 const char *const texts[4],
                 struct enclave_error *err) {
    static const char op[] = "call";
    if (!engine)
        return enc_fail(err, ENCLAVE_INVALID, op, "engine: expected an open one, got NULL");
    if (!enc_embed_is_here(engine))
        return enc_fail(err,
                        ENCLAVE_CLOSED,
                        op,
                        "the engine is of process %ld, from which this one was forked",
                        engine->process);
    if (!texts[0])
        return enc_fail(err, ENCLAVE_INVALID, op, "method or tool: expected a name, got NULL");
    return 0;
}

static uint64_t submit(struct enclave *engine,
                       const char *const texts[4],
                       enclave_done *done,
                       void *data,
                       struct enclave_error *err) {
    if (check(engine, texts, err))
        return 0;
    struct enc_embed_call *call = call_new(texts, err);
    if (!call)
        return 0;
    call->job.push = push;
    call->job.end = on_end;
    call->engine = engine;
    call->done = done;
    call->data = data;
    uv_mutex_lock(&engine->lock);
    bool stopping = engine->stopping;
    uint64_t number = 0;
    if (!stopping) {
        number = call->number = ++engine->last;
        enc_list_push_back(&engine->incoming, &call->in_engine);
        uv_async_send(engine->wake);
    }
    uv_mutex_unlock(&engine->lock);
    if (stopping) {
        call_free(call);
        enc_fail(err, ENCLAVE_CLOSED, "call", "the engine is closed");
    }
    return number;
}

static bool ask_cancel(struct enc_list *list, uint64_t number) {
    ENC_LIST_FOR_EACH(cursor, list) {
        struct enc_embed_call *call = ENC_CONTAINER_OF(cursor, struct enc_embed_call, in_engine);
        if (call->number == number)
            return call->cancel = true;
    }
    return false;
}

bool enclave_cancel(struct enclave *engine, uint64_t number) {
    if (!engine || !enc_embed_is_here(engine))
        return false;
    uv_mutex_lock(&engine->lock);
    bool found = ask_cancel(&engine->running, number) || ask_cancel(&engine->incoming, number);
    if (found) {
        engine->cancels = true;
        if (!engine->stopping)
            uv_async_send(engine->wake);
    }
    uv_mutex_unlock(&engine->lock);
    return found;
}

/* ---- waiting ------------------------------------------------------------------------------- */

struct waiting {
    uv_async_t *wake; /* of the loop that the waiting thread turns, or NULL */
    uv_mutex_t lock;
    uv_cond_t ended;
    bool done;
    char *json;
    struct enclave_error err;
};

static void on_waited(void *data, const char *json, const struct enclave_error *err) {
    struct waiting *waiting = data;
    uv_mutex_lock(&waiting->lock);
    if (err)
        waiting->err = *err;
    else if (!(waiting->json = strdup(json)))
        enc_fail_nomem(&waiting->err, "call");
    waiting->done = true;
    if (waiting->wake)
        uv_async_send(waiting->wake); /* it may be about to sleep */
    uv_cond_signal(&waiting->ended);
    uv_mutex_unlock(&waiting->lock);
}

bool enc_embed_inside(const struct enclave *engine) {
    uv_thread_t self = uv_thread_self();
    return uv_thread_equal(&self, &engine->thread);
}

bool enc_embed_in_callback(const struct enclave *engine) {
    return enc_embed_inside(engine) && (engine->own_thread || engine->pumping || engine->telling);
}

static char *wait_for(struct enclave *engine,
                      const char *const texts[4],
                      struct enclave_error *err) {
    if (check(engine, texts, err))
        return NULL;
    bool inside = enc_embed_inside(engine);
    struct waiting waiting = {.wake = inside ? engine->wake : NULL};
    if (enc_embed_in_callback(engine)) {
        enc_fail(err, ENCLAVE_INVALID, "call", "a callback must not wait for a call");
        return NULL;
    }
    if (uv_mutex_init(&waiting.lock)) {
        enc_fail_nomem(err, "call");
        return NULL;
    }
    if (uv_cond_init(&waiting.ended)) {
        uv_mutex_destroy(&waiting.lock);
        enc_fail_nomem(err, "call");
        return NULL;
    }
    if (submit(engine, texts, on_waited, &waiting, &waiting.err)) {
        uv_mutex_lock(&waiting.lock);
        while (!waiting.done && inside) {
            uv_mutex_unlock(&waiting.lock);
            engine->waiting++;
            enc_loop_turn(enc_engine_loop(engine->engine), true);
            engine->waiting--;
            uv_mutex_lock(&waiting.lock);
        }
        while (!waiting.done)
            uv_cond_wait(&waiting.ended, &waiting.lock);
        uv_mutex_unlock(&waiting.lock);
    }
    uv_cond_destroy(&waiting.ended);
    uv_mutex_destroy(&waiting.lock);
    if (!waiting.json && err)
        *err = waiting.err;
    return waiting.json;
}

/* ---- the public functions ------------------------------------------------------------------- */

uint64_t enclave_submit(struct enclave *engine,
                        const char *method,
                        const char *arguments,
                        enclave_done *done,
                        void *data,
                        struct enclave_error *err) {
    const char *const texts[4] = {method, arguments};
    return submit(engine, texts, done, data, err);
}

char *enclave_call(struct enclave *engine,
                   const char *method,
                   const char *arguments,
                   struct enclave_error *err) {
    const char *const texts[4] = {method, arguments};
    return wait_for(engine, texts, err);
}

uint64_t enclave_execute_start(struct enclave *engine,
                               const char *tool,
                               const char *parameters,
                               const char *options,
                               enclave_done *done,
                               void *data,
                               struct enclave_error *err) {
    const char *const texts[4] = {tool ? "execute_tool_in_pool" : NULL, parameters, tool, options};
    return submit(engine, texts, done, data, err);
}

char *enclave_execute(struct enclave *engine,
                      const char *tool,
                      const char *parameters,
                      const char *options,
                      struct enclave_error *err) {
    const char *const texts[4] = {tool ? "execute_tool_in_pool" : NULL, parameters, tool, options};
    return wait_for(engine, texts, err);
}

char *enclave_initialize_pool(struct enclave *engine,
                              const char *options,
                              struct enclave_error *err) {
    struct enc_buf list = {0};
    if (!enc_buf_printf(&list, "[%s]", options ? options : "")) {
        enc_fail_nomem(err, "initialize_pool");
        return NULL;
    }
    char *ids = enclave_call(engine, "initialize_pool", list.data, err);
    enc_buf_free(&list);
    return ids;
}

char *enclave_stats(struct enclave *engine, struct enclave_error *err) {
    return enclave_call(engine, "get_stats", NULL, err);
}

void enclave_free(void *memory) {
    free(memory);
}
