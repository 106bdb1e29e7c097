/* core.httpd: an HTTP server. Each request becomes a task that runs the handler; what the
 * handler returns is the answer. A client that goes cancels its task. */
#include "httpd.h"

#include <stdlib.h>
#include <string.h>

#include "args.h"

#define L_SERVER    "enclave.HttpServer"
#define MAX_HEADERS 16

struct l_server {
    struct l_core *core;
    struct enc_list in_core;
    struct enc_list requests; /* struct l_request */
    struct enc_list drains;   /* struct l_wait */
    struct enc_httpd *httpd;  /* NULL: closed */
    int handler;              /* registry reference */
};

struct l_request {
    struct l_call call;
    struct enc_list in_server;
    struct l_server *server;        /* NULL: closed under it */
    struct enc_httpd_request *http; /* NULL: as well */
    struct l_core *core;
    struct l_task *task;
    bool gone; /* the client */
};

/* ---- one request ---------------------------------------------------------------------------- */

static void request_free(struct l_request *self) {
    enc_list_remove(&self->in_server);
    enc_list_remove(&self->call.in_calls);
    free(self);
}

static void answer_detail(struct l_request *self, unsigned status, const char *code) {
    static const struct enc_httpd_header headers[] = {{"Content-Type", "application/json"},
                                                      {NULL, NULL}};
    char body[160];
    int len = snprintf(body,
                       sizeof body,
                       "{\"code\":\"%s\",\"detail\":\"%s\"}",
                       code,
                       status == 500 ? "the server failed; its log says why"
                                     : "the request was cancelled");
    if (self->http)
        enc_httpd_respond(self->http, status, headers, body, (size_t)len);
    self->http = NULL;
}

/* The handler returned status, body, headers; a header's name and value are strings. False:
 * it returned something else. */
static bool answer(struct l_request *self, lua_State *co, int first) {
    struct enc_httpd_header headers[MAX_HEADERS + 1] = {{NULL, NULL}};
    int count = 0, map = first + 2;
    size_t len;
    if (!lua_isinteger(co, first) || lua_type(co, first + 1) != LUA_TSTRING ||
        !lua_checkstack(co, 6))
        return false;
    lua_Integer status = lua_tointeger(co, first);
    if (status < 200 || status > 599)
        return false;
    const char *body = lua_tolstring(co, first + 1, &len);
    if (lua_istable(co, map)) {
        lua_pushnil(co);
        for (; lua_next(co, map); lua_pop(co, 1)) {
            if (lua_type(co, -1) != LUA_TSTRING || lua_type(co, -2) != LUA_TSTRING ||
                count == MAX_HEADERS) {
                lua_pop(co, 2);
                return false;
            }
            headers[count++] =
                (struct enc_httpd_header){lua_tostring(co, -2), lua_tostring(co, -1)};
        }
    }
    enc_httpd_respond(self->http, (unsigned)status, headers, body, len);
    self->http = NULL;
    return true;
}

static void on_end(struct l_task *task, void *data) {
    struct l_request *self = data;
    lua_State *co = task->co;
    struct enclave_error err;
    self->task = NULL;
    if (self->http && task->status == L_TASK_CANCELLED) {
        answer_detail(self, 503, "cancelled");
    } else if (self->http && task->status == L_TASK_FAILED) {
        l_to_error(co, -1, "httpd", &err);
        enc_log(l_log(self->core), ENC_LOG_ERROR, "a request failed: %s", err.message);
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

static int start(lua_State *L) {
    struct l_request *self = lua_touserdata(L, 1);
    size_t len;
    lua_rawgeti(L, LUA_REGISTRYINDEX, self->server->handler);
    lua_createtable(L, 0, 4);
    lua_pushstring(L, enc_httpd_method(self->http));
    lua_setfield(L, -2, "method");
    lua_pushstring(L, enc_httpd_uri(self->http));
    lua_setfield(L, -2, "uri");
    const char *body = enc_httpd_body(self->http, &len);
    lua_pushlstring(L, body, len);
    lua_setfield(L, -2, "body");
    lua_newtable(L);
    enc_httpd_headers(self->http, push_header, L);
    lua_setfield(L, -2, "headers");
    self->task = l_spawn(L, self->core, 1);
    self->task->on_end = on_end;
    self->task->data = self;
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

static void on_gone(void *data) {
    struct l_request *self = data;
    self->gone = true;
    if (self->task)
        l_task_cancel(self->task);
}

static bool on_request(void *data, struct enc_httpd_request *http) {
    struct l_server *server = data;
    struct l_request *self = calloc(1, sizeof *self);
    if (!self)
        return false;
    self->call.run = request_run;
    self->call.drop = request_drop;
    self->server = server;
    self->core = server->core;
    self->http = http;
    enc_list_push_back(&server->requests, &self->in_server);
    enc_httpd_on_gone(http, on_gone, self);
    l_call_later(server->core, &self->call);
    return true;
}

/* ---- the server -------------------------------------------------------------------------- */

static void on_idle(void *data) {
    l_wake_all(&((struct l_server *)data)->drains);
}

static void server_close(struct l_server *server) {
    struct enc_httpd *httpd = server->httpd;
    if (!httpd)
        return;
    server->httpd = NULL;
    enc_list_remove(&server->in_core);
    while (!enc_list_empty(&server->requests)) {
        struct l_request *request =
            ENC_CONTAINER_OF(server->requests.next, struct l_request, in_server);
        enc_list_remove(&request->in_server);
        request->server = NULL;
        request->http = NULL;
        if (request->task)
            l_task_cancel(request->task);
    }
    enc_httpd_close(httpd);
    l_wake_all(&server->drains);
}

void l_servers_close(struct l_core *core) {
    ENC_LIST_FOR_EACH_SAFE(cursor, &core->servers) {
        server_close(ENC_CONTAINER_OF(cursor, struct l_server, in_core));
    }
}

static struct l_server *self(lua_State *L, const char *op) {
    return l_self(L, 1, L_SERVER, op);
}

static int close_server(lua_State *L) {
    struct l_server *server = self(L, "httpd.close");
    server_close(server);
    luaL_unref(L, LUA_REGISTRYINDEX, server->handler);
    server->handler = LUA_NOREF;
    return 0;
}

static int gc_server(lua_State *L) {
    struct l_server *server = lua_touserdata(L, 1);
    while (!enc_list_empty(&server->drains)) /* their waits hold no reference */
        enc_list_remove(server->drains.next);
    return close_server(L);
}

static int port(lua_State *L) {
    struct l_server *server = self(L, "httpd.port");
    if (!server->httpd)
        return 0;
    lua_pushinteger(L, enc_httpd_port(server->httpd));
    return 1;
}

static int busy(lua_State *L) {
    struct l_server *server = self(L, "httpd.busy");
    lua_pushinteger(L, server->httpd ? (lua_Integer)enc_httpd_busy(server->httpd) : 0);
    return 1;
}

struct drain {
    struct l_wait wait;
    struct enc_timer timer;
};

static void drain_drop(struct l_wait *wait) {
    enc_list_remove(&wait->in_source);
    l_timer_stop(wait->core, &((struct drain *)wait)->timer);
}

static void drain_late(struct enc_timer *timer) {
    struct drain *drain = ENC_CONTAINER_OF(timer, struct drain, timer);
    l_wait_fail_code(
        &drain->wait, ENCLAVE_TIMEOUT, "httpd.drain", "some requests are still running");
}

static int drain_end(lua_State *L, int status, lua_KContext context) {
    struct drain *drain = (struct drain *)context;
    (void)status;
    drain_drop(&drain->wait);
    int failed = l_wait_failed(L, &drain->wait, "httpd.drain");
    if (failed)
        return failed;
    lua_pushboolean(L, true);
    return 1;
}

static int drain_server(lua_State *L) {
    static const char op[] = "httpd.drain";
    struct l_server *server = self(L, op);
    struct enclave_error err;
    enc_deadline deadline;
    if (l_read_timeout(L, 2, op, "timeout", &deadline, &err))
        return l_fail(L, &err);
    int refused = l_refuse_cancelled(L, server->core, op);
    if (refused)
        return refused;
    if (server->httpd)
        enc_httpd_quiesce(server->httpd);
    if (!server->httpd || enc_httpd_busy(server->httpd) == 0) {
        lua_pushboolean(L, true);
        return 1;
    }
    struct drain *drain = l_new_wait(L, server->core, sizeof *drain, drain_drop);
    drain->timer.fire = drain_late;
    enc_list_push_back(&server->drains, &drain->wait.in_source);
    if (enc_timer_start(l_loop(server->core), &drain->timer, deadline)) {
        enc_fail_nomem(&err, op);
        return l_fail(L, &err);
    }
    l_await(L, &drain->wait, (lua_KContext)drain, drain_end);
    return drain_end(L, LUA_OK, (lua_KContext)drain);
}

struct settings {
    const char *host, *api_key, *tls_cert, *tls_key;
    lua_Integer port, max_connections, max_requests, idle_timeout;
    uint64_t max_body, max_header;
    bool handler;
};

/* core.httpd(options) */
static int httpd(lua_State *L) {
    static const char op[] = "httpd";
    static const struct l_field fields[] = {
        {"host", L_STRING, false, offsetof(struct settings, host)},
        {"port", L_INTEGER, true, offsetof(struct settings, port)},
        {"api_key", L_STRING, false, offsetof(struct settings, api_key)},
        {"tls_cert", L_STRING, false, offsetof(struct settings, tls_cert)},
        {"tls_key", L_STRING, false, offsetof(struct settings, tls_key)},
        {"max_connections", L_INTEGER, false, offsetof(struct settings, max_connections)},
        {"max_requests", L_INTEGER, false, offsetof(struct settings, max_requests)},
        {"idle_timeout", L_INTEGER, false, offsetof(struct settings, idle_timeout)},
        {"max_body", L_SIZE, false, offsetof(struct settings, max_body)},
        {"max_header", L_SIZE, false, offsetof(struct settings, max_header)},
        {"handler", L_FUNCTION, true, offsetof(struct settings, handler)},
        {0}};
    struct l_core *core = l_core(L);
    struct enclave_error err;
    struct settings s = {.host = "127.0.0.1",
                         .max_connections = 4096,
                         .idle_timeout = 60,
                         .max_body = 64 << 20,
                         .max_header = 32 << 10};
    lua_settop(L, 1);
    if (l_read_fields(L, 1, op, fields, &s, &err) || !l_engine(core, &err))
        return l_fail(L, &err);
    if (s.port > 65535 || s.max_connections < 1 || s.max_connections > 1000000 ||
        s.max_requests > 1 << 30 || s.idle_timeout > 1 << 30 || s.max_header < 1024 ||
        s.max_header > 16 << 20 || s.max_body > SIZE_MAX / 4 || !s.tls_cert != !s.tls_key) {
        enc_fail(&err,
                 ENCLAVE_INVALID,
                 op,
                 "expected port 0 to 65535, max_connections 1 to 1000000, max_header 1k to 16m, "
                 "and tls_cert and tls_key together");
        return l_fail(L, &err);
    }
    struct l_server *server = lua_newuserdatauv(L, sizeof *server, 0);
    memset(server, 0, sizeof *server);
    server->core = core;
    server->handler = LUA_NOREF;
    enc_list_init(&server->in_core);
    enc_list_init(&server->requests);
    enc_list_init(&server->drains);
    luaL_setmetatable(L, L_SERVER);
    lua_getfield(L, 1, "handler");
    server->handler = luaL_ref(L, LUA_REGISTRYINDEX);
    l_canary(L, core);
    struct enc_httpd_options options = {.host = s.host,
                                        .port = (unsigned)s.port,
                                        .api_key = s.api_key,
                                        .tls_cert = s.tls_cert,
                                        .tls_key = s.tls_key,
                                        .max_body = (size_t)s.max_body,
                                        .max_header = (size_t)s.max_header,
                                        .max_connections = (unsigned)s.max_connections,
                                        .max_requests = (unsigned)s.max_requests,
                                        .idle_seconds = (unsigned)s.idle_timeout,
                                        .log = l_log(core),
                                        .on_request = on_request,
                                        .on_idle = on_idle,
                                        .data = server};
    server->httpd = enc_httpd_open(l_loop(core), &options, &err);
    if (!server->httpd)
        return l_fail(L, &err);
    enc_list_push_back(&core->servers, &server->in_core);
    return 1;
}

void l_server_class(lua_State *L, struct l_core *core) {
    static const luaL_Reg methods[] = {{"port", port},
                                       {"busy", busy},
                                       {"drain", drain_server},
                                       {"close", close_server},
                                       {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__close", close_server}, {"__gc", gc_server}, {NULL, NULL}};
    l_class(L, core, L_SERVER, methods, meta);
    lua_pop(L, 1);
}

const luaL_Reg l_httpd_functions[] = {{"httpd", httpd}, {NULL, NULL}};
