/* core.httpd: an HTTP server, as Lua sees it: made, drained, closed. */
#include "httpd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "args.h"
#include "lua_httpd.h"

static void on_idle(void *data) {
    l_wake_all(&((struct l_server *)data)->drains);
}

static void server_close(struct l_server *server) {
    struct enc_httpd *httpd = server->httpd;
    if (!httpd)
        return;
    server->httpd = NULL;
    enc_list_remove(&server->in_core);
    l_requests_close(server);
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
    struct l_server *server = self(L, "httpd");
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
    if (!server->httpd) /* a finalizer has closed it */
        l_wake(&drain->wait);
    else
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
    lua_Integer port, max_connections, max_requests, idle_timeout, request_timeout;
    uint64_t max_body, max_bodies, max_header;
    bool handler, open_options;
};

/* Descriptors for so many connections, as far as the host allows. */
static void allow_connections(rlim_t count) {
    struct rlimit limit;
    rlim_t want = count + 1024;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= want)
        return;
    limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int check(const struct settings *s, const char *op, struct enclave_error *err) {
    const struct {
        const char *name;
        lua_Integer value, least, most;
    } numbers[] = {{"port", s->port, 0, 65535},
                   {"max_connections", s->max_connections, 1, 1000000},
                   {"max_requests", s->max_requests, 0, 1 << 30},
                   {"idle_timeout", s->idle_timeout, 0, 1 << 30},
                   {"request_timeout", s->request_timeout, 0, 1 << 30},
                   {"max_header", (lua_Integer)s->max_header, 1024, 16 << 20},
                   {"max_body", (lua_Integer)s->max_body, 0, SIZE_MAX / 4},
                   {"max_bodies", (lua_Integer)s->max_bodies, 0, SIZE_MAX / 4}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].value < numbers[i].least || numbers[i].value > numbers[i].most)
            return enc_fail(err,
                            ENCLAVE_INVALID,
                            op,
                            "%s: expected %lld to %lld, got %lld",
                            numbers[i].name,
                            numbers[i].least,
                            numbers[i].most,
                            numbers[i].value);
    if (!s->tls_cert != !s->tls_key)
        return enc_fail(err, ENCLAVE_INVALID, op, "tls_cert and tls_key: expected both or none");
    return 0;
}

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
        {"request_timeout", L_INTEGER, false, offsetof(struct settings, request_timeout)},
        {"max_body", L_SIZE, false, offsetof(struct settings, max_body)},
        {"max_bodies", L_SIZE, false, offsetof(struct settings, max_bodies)},
        {"max_header", L_SIZE, false, offsetof(struct settings, max_header)},
        {"open_options", L_BOOLEAN, false, offsetof(struct settings, open_options)},
        {"handler", L_FUNCTION, true, offsetof(struct settings, handler)},
        {0}};
    struct l_core *core = l_core(L);
    struct enclave_error err;
    struct settings s = {.host = "127.0.0.1",
                         .max_connections = 4096,
                         .idle_timeout = 60,
                         .request_timeout = 60,
                         .max_body = 256 << 20,
                         .max_bodies = 512 << 20,
                         .max_header = 12 << 10};
    lua_settop(L, 1);
    if (l_read_fields(L, 1, op, fields, &s, &err) || !l_engine(core, &err))
        return l_fail(L, &err);
    if (check(&s, op, &err))
        return l_fail(L, &err);
    struct l_server *server = lua_newuserdatauv(L, sizeof *server, 0);
    memset(server, 0, sizeof *server);
    server->core = core;
    server->handler = LUA_NOREF;
    enc_list_init(&server->in_core);
    enc_list_init(&server->requests);
    enc_list_init(&server->drains);
    luaL_setmetatable(L, L_SERVER);
    l_raw_field(L, 1, "handler");
    server->handler = luaL_ref(L, LUA_REGISTRYINDEX);
    l_canary(L, core);
    allow_connections((rlim_t)s.max_connections);
    struct enc_httpd_options options = {.host = s.host,
                                        .port = (unsigned)s.port,
                                        .api_key = s.api_key,
                                        .tls_cert = s.tls_cert,
                                        .tls_key = s.tls_key,
                                        .max_body = (size_t)s.max_body,
                                        .max_bodies = (size_t)s.max_bodies,
                                        .max_header = (size_t)s.max_header,
                                        .max_connections = (unsigned)s.max_connections,
                                        .max_requests = (unsigned)s.max_requests,
                                        .idle_seconds = (unsigned)s.idle_timeout,
                                        .request_seconds = (unsigned)s.request_timeout,
                                        .log = l_log(core),
                                        .open_options = s.open_options,
                                        .on_request = l_on_request,
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
    l_reply_class(L, core);
}

const luaL_Reg l_httpd_functions[] = {{"httpd", httpd}, {NULL, NULL}};
