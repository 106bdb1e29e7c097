#include "lua_job.h"

static void fail(struct enc_lua_job *job, enum enclave_code code, const char *why) {
    struct enclave_error err;
    enc_fail(&err, code, "call", "%s", why);
    job->end(job, NULL, 0, &err);
}

static void on_drop(struct l_call *call) {
    struct enc_lua_job *job = ENC_CONTAINER_OF(call, struct enc_lua_job, call);
    fail(job, ENCLAVE_CANCELLED, "the engine is closing");
}

static void on_end(struct l_task *task, void *data) {
    struct enc_lua_job *job = data;
    lua_State *co = task->co;
    int count = task->nresults;
    struct enclave_error err;
    job->task = NULL;
    if (task->status == L_TASK_CANCELLED) {
        fail(job, ENCLAVE_CANCELLED, "the call was cancelled");
        return;
    }
    bool failed = task->status == L_TASK_FAILED;
    if (!failed && !(count >= 2 && lua_isnil(co, -count))) {
        job->end(job, co, count, NULL);
        return;
    }
    l_to_error(co, failed ? -1 : 1 - count, "call", &err);
    job->end(job, NULL, 0, &err);
}

static int start(lua_State *L) {
    struct enc_lua_job *job = lua_touserdata(L, 1);
    lua_settop(L, 0);
    int nargs = job->push(L, job);
    struct l_task *task = l_spawn(L, enc_lua_core(L), nargs);
    task->on_end = on_end;
    task->data = job;
    job->task = task;
    return 0;
}

static void on_run(lua_State *L, struct l_call *call) {
    struct enc_lua_job *job = ENC_CONTAINER_OF(call, struct enc_lua_job, call);
    struct enclave_error err;
    if (enc_lua_core(L)->closing) { /* no task runs any more */
        on_drop(call);
        return;
    }
    lua_pushcfunction(L, start);
    lua_pushlightuserdata(L, job);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK)
        return;
    l_to_error(L, -1, "call", &err);
    lua_pop(L, 1);
    job->end(job, NULL, 0, &err);
}

void enc_lua_job_start(struct l_core *core, struct enc_lua_job *job) {
    job->call = (struct l_call){.run = on_run, .drop = on_drop};
    enc_list_init(&job->call.in_calls);
    l_call_later(core, &job->call);
}

void enc_lua_job_cancel(struct enc_lua_job *job) {
    if (job->task) {
        l_task_cancel(job->task);
        return;
    }
    enc_list_remove(&job->call.in_calls);
    fail(job, ENCLAVE_CANCELLED, "the call was cancelled");
}
