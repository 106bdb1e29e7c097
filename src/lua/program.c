/* What exec and Run share: starting a program, collecting what it prints, its outcome. */
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "lua_run.h"

#define MOST_QUEUED (256 * 1024)
#define SMALL_PIECE 4096

static void wake(struct l_run *self) {
    l_wake(&self->wait);
    l_wake_all(&self->watchers);
}

static void pause_run(struct l_run *self, bool paused) {
    if (self->paused == paused || !self->run)
        return;
    self->paused = paused;
    enc_run_pause(self->run, paused);
}

/* Where len bytes of this stream go: small pieces share a chunk, so that a program that
 * writes byte by byte does not cost a call each. */
static struct l_chunk *room(struct l_run *self, enum enc_stream_id stream, size_t len) {
    if (!enc_list_empty(&self->chunks)) {
        struct l_chunk *last = ENC_CONTAINER_OF(self->chunks.prev, struct l_chunk, in_run);
        if (last->stream == stream && last->cap - last->len >= len)
            return last;
    }
    size_t cap = len > SMALL_PIECE ? len : SMALL_PIECE;
    struct l_chunk *chunk = malloc(sizeof *chunk + cap);
    if (!chunk)
        return NULL;
    chunk->stream = stream;
    chunk->len = 0;
    chunk->cap = cap;
    enc_list_push_back(&self->chunks, &chunk->in_run);
    return chunk;
}

static void on_output(void *data, enum enc_stream_id stream, const char *bytes, size_t len) {
    struct l_run *self = data;
    if (self->discard || !self->takes[stream])
        return;
    struct l_chunk *chunk = room(self, stream, len);
    if (!chunk) {
        l_run_cancel(self); /* a hole in the output would be worse */
        return;
    }
    memcpy(chunk->bytes + chunk->len, bytes, len);
    chunk->len += len;
    self->queued += len;
    if (self->queued > MOST_QUEUED)
        pause_run(self, true);
    wake(self);
}

static void on_done(void *data, struct enc_run_result *result, const struct enclave_error *err) {
    struct l_run *self = data;
    self->run = NULL;
    self->ended = true;
    enc_list_remove(&self->in_sandbox);
    if (result) {
        self->has_result = true;
        self->result = *result;
        self->result.out.bytes = enc_buf_steal(&result->out.bytes);
        self->result.err.bytes = enc_buf_steal(&result->err.bytes);
    }
    if (err) {
        self->wait.failed = true;
        self->error = malloc(sizeof *self->error);
        if (self->error)
            *self->error = *err;
    }
    wake(self);
}

static const struct enc_run_events plain = {.on_done = on_done};
static const struct enc_run_events streaming = {.on_output = on_output, .on_done = on_done};

static void free_chunks(struct l_run *self) {
    struct enc_list *first;
    while ((first = enc_list_pop_front(&self->chunks)))
        free(ENC_CONTAINER_OF(first, struct l_chunk, in_run));
    self->queued = 0;
}

void l_run_discard(struct l_run *self) {
    self->discard = true;
    free_chunks(self);
    pause_run(self, false);
}

void l_run_cancel(struct l_run *self) {
    self->discard = true; /* what is queued may still be read */
    pause_run(self, false);
    if (self->run)
        enc_run_cancel(self->run);
}

void l_run_drop(struct l_wait *wait) {
    struct l_run *self = (struct l_run *)wait;
    struct enc_run *run = self->run;
    self->run = NULL;
    self->ended = true;
    enc_list_remove(&self->in_sandbox);
    if (run)
        enc_run_drop(run);
    free_chunks(self);
    enc_buf_free(&self->result.out.bytes);
    enc_buf_free(&self->result.err.bytes);
    self->has_result = false;
}

void l_run_abort(struct l_run *self, const char *why) {
    if (self->ended)
        return;
    l_run_drop(&self->wait);
    self->wait.failed = true;
    self->error = malloc(sizeof *self->error);
    if (self->error)
        enc_fail(self->error, ENCLAVE_CLOSED, "sandbox.run", "%s", why);
    wake(self);
}

/* A task that waits in exec was cancelled: the program is killed first. */
static bool cancel(struct l_wait *wait) {
    struct l_run *self = (struct l_run *)wait;
    l_run_cancel(self);
    return self->run != NULL;
}

struct l_run *l_run_start(lua_State *L, const char *op, bool streams, struct enclave_error *err) {
    struct l_core *core = l_core(L);
    struct enc_run_spec spec;
    if (!l_sandbox_open(L, op, err) || l_read_spec(L, op, &spec, err))
        return NULL;
    if (!streams && spec.stdin_open) {
        enc_fail_misuse(err, op, "stdin_open: true: expected with start, not with exec");
        return NULL;
    }
    struct l_run *self = lua_newuserdatauv(L, sizeof *self, 1);
    memset(self, 0, sizeof *self);
    l_wait_init(&self->wait, core, l_run_drop);
    self->wait.cancel = cancel;
    enc_list_init(&self->in_sandbox);
    enc_list_init(&self->watchers);
    enc_list_init(&self->chunks);
    luaL_setmetatable(L, L_RUN);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    self->takes[ENC_STDOUT] = streams || l_raw_field(L, 2, "on_stdout") == LUA_TFUNCTION;
    self->takes[ENC_STDERR] = streams || l_raw_field(L, 2, "on_stderr") == LUA_TFUNCTION;
    self->keeps = streams || (l_raw_field(L, 2, "keep_output") && lua_toboolean(L, -1));
    if (!streams)
        lua_pop(L, 3);
    bool taken = self->takes[ENC_STDOUT] || self->takes[ENC_STDERR];
    struct l_sandbox *sandbox = l_sandbox_open(L, op, err); /* once more: see l_new_wait */
    if (sandbox)
        self->run = enc_run_start(sandbox->sandbox, &spec, taken ? &streaming : &plain, self, err);
    self->ended = !self->run;
    if (!sandbox || !self->run)
        return NULL;
    enc_list_push_back(&sandbox->runs, &self->in_sandbox);
    return self;
}

enum enc_stream_id l_run_take(lua_State *L, struct l_run *self) {
    if (enc_list_empty(&self->chunks))
        return 0;
    struct l_chunk *chunk = ENC_CONTAINER_OF(self->chunks.next, struct l_chunk, in_run);
    lua_pushlstring(L, chunk->bytes, chunk->len);
    enum enc_stream_id stream = chunk->stream;
    enc_list_remove(&chunk->in_run);
    self->queued -= chunk->len;
    free(chunk);
    if (self->queued <= MOST_QUEUED / 2)
        pause_run(self, false);
    return stream;
}

/* ---- the outcome ------------------------------------------------------------------------------
 */

static void set_integer(lua_State *L, const char *key, lua_Integer value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, key);
}

static void set_seconds(lua_State *L, const char *key, uint64_t ns) {
    lua_pushnumber(L, (lua_Number)ns / 1e9);
    lua_setfield(L, -2, key);
}

static void set_boolean(lua_State *L, const char *key, bool value) {
    lua_pushboolean(L, value);
    lua_setfield(L, -2, key);
}

/* What a callback took is not given a second time, unless that was wished. */
static void set_output(lua_State *L,
                       const char *key,
                       const struct enc_run_output *output,
                       bool taken) {
    size_t len = taken ? 0 : output->bytes.len;
    lua_pushlstring(L, len ? output->bytes.data : "", len);
    lua_setfield(L, -2, key);
}

void l_run_push_result(lua_State *L, struct l_run *self) {
    static const char *const names[] = {"exited", "signaled", "timeout", "cancelled"};
    const struct enc_run_result *result = &self->result;
    luaL_checkstack(L, 6, "result");
    lua_createtable(L, 0, 18);
    lua_pushstring(L, names[result->status]);
    lua_setfield(L, -2, "status");
    if (result->exit_code >= 0)
        set_integer(L, "exit_code", result->exit_code);
    if (result->term_signal)
        set_integer(L, "signal", result->term_signal);
    if (result->limit) {
        lua_pushstring(L, result->limit);
        lua_setfield(L, -2, "limit");
    }
    lua_pushstring(L, result->isolation ? result->isolation : "container");
    lua_setfield(L, -2, "isolation");
    set_output(L, "stdout", &result->out, self->takes[ENC_STDOUT] && !self->keeps);
    set_output(L, "stderr", &result->err, self->takes[ENC_STDERR] && !self->keeps);
    set_integer(L, "stdout_total", (lua_Integer)result->out.total);
    set_integer(L, "stderr_total", (lua_Integer)result->err.total);
    set_boolean(L, "truncated", result->out.truncated || result->err.truncated);
    set_seconds(L, "wall", result->wall_ns);
    set_seconds(L, "user", result->user_ns);
    set_seconds(L, "system", result->system_ns);
    set_integer(L, "peak_memory", (lua_Integer)result->peak_memory);
    set_boolean(L, "oom_killed", result->oom_killed);
    set_boolean(L, "warm", result->warm);
}

int l_run_outcome(lua_State *L, struct l_run *self) {
    struct enclave_error nomem, *err = self->error;
    if (!self->wait.failed) {
        l_run_push_result(L, self);
        return 1;
    }
    if (!err) {
        enc_fail_nomem(&nomem, "sandbox.run");
        err = &nomem;
    }
    lua_pushnil(L);
    l_push_error(L, err);
    if (self->has_result) {
        l_run_push_result(L, self);
        lua_setfield(L, -2, "partial");
    }
    return 2;
}
