/* lua_job.h - tasks that a C program starts in a Lua state and whose end it hears of, and the
 * driver loop for a program that turns the loop by itself. Uses the binding. */
#ifndef ENC_LUA_JOB_H
#define ENC_LUA_JOB_H

#include "core.h"

/* Embedded in its owner, zero-initialised but for push and end. */
struct enc_lua_job {
    struct l_call call;
    struct l_task *task; /* while it runs */
    /* Pushes the function and its arguments, gives their number; may raise. */
    int (*push)(lua_State *L, struct enc_lua_job *job);
    /* Once, on the thread of the loop; the job may be freed. co: its results are the count
     * values on the top; must not raise. With err it failed, and co is NULL. */
    void (*end)(struct enc_lua_job *job, lua_State *co, int count, const struct enclave_error *err);
};

/* Starts it soon; on the thread of the loop. */
void enc_lua_job_start(struct l_core *core, struct enc_lua_job *job);
/* It ends with CANCELLED, soon; before it has begun at once. */
void enc_lua_job_cancel(struct enc_lua_job *job);

/* Runs what is ready. True: there is more, so the loop must not sleep. Not from Lua. */
bool enc_lua_pump(lua_State *L, struct l_core *core);

#endif
