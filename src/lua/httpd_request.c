/* One request of an HTTP server: a task that runs the handler with the request and a reply.
 * What the handler returns is the answer, unless it began one in pieces by its reply. A
 * client that goes cancels the task. */
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "lua_httpd.h"

#define MAX_HEADERS 24

struct l_request {
    struct l_call call;
    struct enc_list in_server;
    struct enc_list writers;        /* struct l_wait: of Reply:write */
    struct l_server *server;        /* NULL: closed under it */
    struct enc_httpd_request *http; /* NULL: as well, or answered */
    struct l_core *core;
    struct l_task *task;
    struct l_reply *reply; /* NULL: collected */
    bool gone;             /* the client */
    bool begun;            /* an answer in pieces */
};

struct l_reply {
    struct l_request *request; /* NULL: it is over */
};

static void request_free(struct l_request *self) {
    if (self->reply)
        self->reply->request = NULL;
    l_wake_all(&self->writers);
    enc_list_remove(&self->in_server);
    enc_list_remove(&self->call.in_calls);
    free(self);
}

/* ---- the answer ------------------------------------------------------------------------- */

static void answer_detail(struct l_request *self, unsigned status, const char *code) {
    static const struct enc_httpd_header headers[] = {
        {"Content-Type", "application/json"}, {"Retry-After", "1"}, {NULL, NULL}};
    static const struct enc_httpd_header json[] = {{"Content-Type", "application/json"},
                                                   {NULL, NULL}};
    char body[160];
    int len = snprintf(body,
                       sizeof body,
                       "{\"code\":\"%s\",\"detail\":\"%s\"}",
                       code,
                       status == 500 ? "the server failed; its log says why"
                                     : "the request was cancelled");
    if (self->http)
        enc_httpd_respond(self->http, status, status == 503 ? headers : json, body, (size_t)len);
    self->http = NULL;
}

/* A map of strings; nil is none. False: it is something else. */
static bool read_headers(lua_State *L, int map, struct enc_httpd_header headers[MAX_HEADERS + 1]) {
    int count = 0;
    headers[0].name = NULL;
    if (!lua_istable(L, map))
        return lua_isnoneornil(L, map);
    for (lua_pushnil(L); lua_next(L, map); lua_pop(L, 1)) {
        if (lua_type(L, -1) != LUA_TSTRING || lua_type(L, -2) != LUA_TSTRING ||
            count == MAX_HEADERS) {
            lua_pop(L, 2);
            return false;
        }
        headers[count++] = (struct enc_httpd_header){lua_tostring(L, -2), lua_tostring(L, -1)};
        headers[count].name = NULL;
    }
    return true;
}

static bool is_status(lua_State *L, int index) {
    return lua_isinteger(L, index) && lua_tointeger(L, index) >= 200 &&
           lua_tointeger(L, index) <= 599;
}

/* The handler returned status, body, headers. False: it returned something else. */
static bool answer(struct l_request *self, lua_State *co, int first) {
    struct enc_httpd_header headers[MAX_HEADERS + 1];
    size_t len;
    if (!lua_checkstack(co, 6) || !is_status(co, first) || lua_type(co, first + 1) != LUA_TSTRING ||
        !read_headers(co, first + 2, headers))
        return false;
    const char *body = lua_tolstring(co, first + 1, &len);
    enc_httpd_respond(self->http, (unsigned)lua_tointeger(co, first), headers, body, len);
    self->http = NULL;
    return true;
}

static void on_end(struct l_task *task, void *data) {
    struct l_request *self = data;
    lua_State *co = task->co;
    struct enclave_error err;
    self->task = NULL;
    if (self->http && task->status == L_TASK_FAILED) {
        l_to_error(co, -1, "httpd", &err);
        enc_log(l_log(self->core), ENC_LOG_ERROR, "a request failed: %s", err.message);
    }
    if (self->http && self->begun) {
        enc_httpd_end(self->http, task->status == L_TASK_DONE);
        self->http = NULL;
    } else if (task->status == L_TASK_CANCELLED) {
        answer_detail(self, 503, "cancelled");
    } else if (task->status == L_TASK_FAILED) {
        answer_detail(self, 500, "internal");
    } else if (self->http &&
               (task->nresults < 2 || !answer(self, co, lua_gettop(co) - task->nresults + 1))) {
        enc_log(l_log(self->core),
                ENC_LOG_ERROR,
                "a request failed: the handler must return status, body and headers");
        answer_detail(self, 500, "internal");
    }
    request_free(self);
}

/* ---- an answer in pieces ----------------------------------------------------------------- */

/* Its request, or NULL with err. */
static struct l_request *reply_open(lua_State *L, const char *op, struct enclave_error *err) {
    struct l_request *self = ((struct l_reply *)l_self(L, 1, L_REPLY, op))->request;
    if (self && self->http && !self->gone)
        return self;
    enc_fail(err,
             self && self->gone ? ENCLAVE_CANCELLED : ENCLAVE_CLOSED,
             op,
             self && self->gone ? "the client has gone" : "the request is over");
    return NULL;
}

/* reply:begin(status, headers) */
static int reply_begin(lua_State *L) {
    static const char op[] = "reply.begin";
    struct enc_httpd_header headers[MAX_HEADERS + 1];
    struct enclave_error err;
    lua_settop(L, 3);
    struct l_request *self = reply_open(L, op, &err);
    if (!self)
        return l_fail(L, &err);
    if (self->begun)
        return l_misuse(L, op, "the answer has begun already");
    if (!is_status(L, 2) || !read_headers(L, 3, headers))
        return l_misuse(L, op, "expected a status and a map of at most %d headers", MAX_HEADERS);
    if (enc_httpd_begin(self->http, (unsigned)lua_tointeger(L, 2), headers)) {
        enc_fail_nomem(&err, op);
        return l_fail(L, &err);
    }
    self->begun = true;
    lua_pushboolean(L, true);
    return 1;
}

static int written(lua_State *L, int status, lua_KContext context) {
    struct enclave_error err;
    int failed = l_wait_failed(L, (struct l_wait *)context, "reply.write");
    (void)status;
    if (failed)
        return failed;
    if (!reply_open(L, "reply.write", &err))
        return l_fail(L, &err);
    lua_pushboolean(L, true);
    return 1;
}

/* reply:write(bytes): waits while the client is behind. */
static int reply_write(lua_State *L) {
    static const char op[] = "reply.write";
    struct enclave_error err;
    size_t len;
    const char *bytes = l_check_bytes(L, 2, op, "bytes", &len);
    int refused = l_refuse_cancelled(L, l_core(L), op);
    if (refused)
        return refused;
    struct l_request *self = reply_open(L, op, &err);
    if (!self)
        return l_fail(L, &err);
    if (!self->begun)
        return l_misuse(L, op, "expected begin before it");
    if (enc_httpd_write(self->http, bytes, len)) {
        enc_fail_nomem(&err, op);
        return l_fail(L, &err);
    }
    if (enc_httpd_unsent(self->http) >= ENC_HTTPD_FULL) {
        struct l_wait *wait = l_new_wait(L, self->core, sizeof *wait, NULL);
        enc_list_push_back(&self->writers, &wait->in_source);
        l_await(L, wait, (lua_KContext)wait, written);
        return written(L, LUA_OK, (lua_KContext)wait);
    }
    lua_pushboolean(L, true);
    return 1;
}

static int reply_gc(lua_State *L) {
    struct l_reply *reply = l_self(L, 1, L_REPLY, "reply");
    if (reply->request)
        reply->request->reply = NULL;
    return 0;
}

void l_reply_class(lua_State *L, struct l_core *core) {
    static const luaL_Reg methods[] = {
        {"begin", reply_begin}, {"write", reply_write}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", reply_gc}, {NULL, NULL}};
    l_class(L, core, L_REPLY, methods, meta);
    lua_pop(L, 1);
}

/* ---- the task ------------------------------------------------------------------------------ */

static void push_header(void *data, const char *name, const char *value) {
    lua_State *L = data;
    luaL_Buffer lower;
    luaL_buffinit(L, &lower);
    for (; *name; name++)
        luaL_addchar(&lower, *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name);
    luaL_pushresult(&lower);
    lua_pushstring(L, value);
    lua_rawset(L, -3);
}

static void push_request(lua_State *L, struct enc_httpd_request *http) {
    size_t len;
    lua_createtable(L, 0, 8); /* there will be more in it */
    lua_pushstring(L, enc_httpd_method(http));
    lua_setfield(L, -2, "method");
    lua_pushstring(L, enc_httpd_uri(http));
    lua_setfield(L, -2, "uri");
    const char *body = enc_httpd_body(http, &len);
    lua_pushlstring(L, body, len);
    lua_setfield(L, -2, "body");
    enc_httpd_drop_body(http);
    lua_createtable(L, 0, 8);
    enc_httpd_headers(http, push_header, L);
    lua_setfield(L, -2, "headers");
}

static int start(lua_State *L) {
    struct l_request *self = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, self->server->handler);
    push_request(L, self->http);
    struct l_reply *reply = lua_newuserdatauv(L, sizeof *reply, 0);
    reply->request = NULL;
    luaL_setmetatable(L, L_REPLY);
    struct l_task *task = l_spawn(L, self->core, 2);
    task->on_end = on_end;
    task->data = self;
    self->task = task;
    self->reply = reply;
    reply->request = self;
    return 0;
}

static void request_run(lua_State *L, struct l_call *call) {
    struct l_request *self = (struct l_request *)call;
    if (!self->http || self->gone) {
        answer_detail(self, 503, "cancelled");
        request_free(self);
        return;
    }
    lua_pushcfunction(L, start);
    lua_pushlightuserdata(L, self);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK)
        return;
    lua_pop(L, 1); /* no memory, or the state is closing */
    answer_detail(self, 500, "internal");
    request_free(self);
}

static void request_drop(struct l_call *call) {
    struct l_request *self = (struct l_request *)call;
    answer_detail(self, 503, "cancelled");
    request_free(self);
}

static bool only_reads(const struct enc_httpd_request *http) {
    return strcmp(enc_httpd_method(http), "GET") == 0 ||
           strcmp(enc_httpd_method(http), "HEAD") == 0;
}

/* One who only reads may close its own side together with the request: what needs no waiting
 * is still answered. */
static void on_gone(void *data) {
    struct l_request *self = data;
    if (only_reads(self->http) && !(self->task && self->task->started))
        return;
    self->gone = true;
    l_wake_all(&self->writers);
    if (self->task)
        l_task_cancel(self->task);
}

static void on_drained(void *data) {
    l_wake_all(&((struct l_request *)data)->writers);
}

bool l_on_request(void *data, struct enc_httpd_request *http) {
    struct l_server *server = data;
    struct l_request *self = calloc(1, sizeof *self);
    if (!self)
        return false;
    self->call.run = request_run;
    self->call.drop = request_drop;
    self->server = server;
    self->core = server->core;
    self->http = http;
    self->gone = enc_httpd_is_gone(http) && !only_reads(http);
    enc_list_init(&self->writers);
    enc_list_push_back(&server->requests, &self->in_server);
    enc_httpd_listen_to(http, on_gone, on_drained, self);
    l_call_later(server->core, &self->call);
    return true;
}

void l_requests_close(struct l_server *server) {
    struct enc_list *first;
    while ((first = enc_list_pop_front(&server->requests))) {
        struct l_request *self = ENC_CONTAINER_OF(first, struct l_request, in_server);
        self->server = NULL;
        self->http = NULL;
        l_wake_all(&self->writers);
        if (self->task)
            l_task_cancel(self->task);
    }
}
