/* embed_inside.h - what the files of the public C API share. Private to src/embed/. */
#ifndef ENC_EMBED_INSIDE_H
#define ENC_EMBED_INSIDE_H

#include <enclave/enclave.h>

#include "lua_job.h"

struct enclave {
    struct enc_engine *engine;
    lua_State *L;
    struct l_core *core;
    int call; /* registry reference of the function that embed.open gave */
    void (*log)(void *data, enum enclave_log_level level, const char *line);
    void *log_data;
    long process;       /* the one that opened it; one forked from that has no such thread */
    uv_thread_t thread; /* the one that turns the loop */
    bool own_thread;
    bool pumping;     /* on that thread: callbacks are on the stack */
    bool telling;     /* on that thread: log is on the stack */
    unsigned waiting; /* on that thread: calls that turn the loop until they end */
    uv_async_t *wake;
    uv_prepare_t *before; /* on a borrowed loop: when tasks go on */
    uv_check_t *after;
    uv_idle_t *busy;

    uv_mutex_t lock; /* what follows is shared by threads */
    struct enc_list incoming, running;
    uint64_t last;
    bool cancels; /* one of running is to be cancelled */
    bool stopping;
};

struct enc_embed_call {
    struct enc_lua_job job;
    struct enc_list in_engine;
    struct enclave *engine;
    uint64_t number;
    bool cancel; /* asked for */
    enclave_done *done;
    void *data;
    char *texts[4]; /* method, arguments, tool, options; some NULL */
};

/* calls.c: on the loop's thread, what other threads have asked for. */
void enc_embed_take(struct enclave *engine);
/* No call will be begun any more: those that wait end. */
void enc_embed_refuse(struct enclave *engine);
/* Whether this is the thread that turns the loop. */
bool enc_embed_inside(const struct enclave *engine);
/* Whether this is in a callback of the engine, which must not wait for what only the engine that
 * called it can end. */
bool enc_embed_in_callback(const struct enclave *engine);
/* Whether this is the process that opened it. */
bool enc_embed_is_here(const struct enclave *engine);

#endif
