/* core.http: one request, as a client. */
#include "http.h"

#include <stdlib.h>
#include <string.h>

#include "args.h"

struct options {
    const char *url, *method, *host, *certs;
    struct l_bytes body;
    double timeout;
    uint64_t max_reply;
    bool headers;
};

struct request {
    struct l_wait wait;
    struct enc_http *http;
    struct enc_endpoint endpoint;
    struct enc_http_reply reply;
};

static void drop(struct l_wait *wait) {
    struct request *self = (struct request *)wait;
    if (self->http && wait->core->engine)
        enc_http_cancel(self->http);
    self->http = NULL;
    enc_endpoint_free(&self->endpoint);
    memset(&self->endpoint, 0, sizeof self->endpoint);
    enc_buf_free(&self->reply.body);
}

static void on_done(void *data, struct enc_http_reply *reply, const struct enclave_error *err) {
    struct request *self = data;
    self->http = NULL;
    if (err) {
        l_wait_fail(&self->wait, err);
        return;
    }
    self->reply = *reply;
    self->reply.body = enc_buf_steal(&reply->body);
    l_wake(&self->wait);
}

static int end(lua_State *L, int status, lua_KContext context) {
    struct request *self = (struct request *)context;
    (void)status;
    int failed = l_wait_failed(L, &self->wait, "http");
    if (failed)
        return failed;
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, self->reply.status);
    lua_setfield(L, -2, "status");
    lua_pushlstring(L, self->reply.body.len ? self->reply.body.data : "", self->reply.body.len);
    lua_setfield(L, -2, "body");
    lua_pushstring(L, self->reply.content_type);
    lua_setfield(L, -2, "content_type");
    if (self->reply.retry_after > 0) {
        lua_pushnumber(L, self->reply.retry_after);
        lua_setfield(L, -2, "retry_after");
    }
    drop(&self->wait);
    return 1;
}

static bool plain(const char *text) {
    return !strpbrk(text, "\r\n");
}

/* "Name: value" strings of the table options.headers; the list and its strings stay on the
 * stack. NULL with err. */
static const char *const *read_headers(lua_State *L, const char *op, struct enclave_error *err) {
    l_raw_field(L, 1, "headers");
    int map = lua_gettop(L), count = 0;
    for (lua_pushnil(L); lua_next(L, map); lua_pop(L, 1))
        count++;
    const char **list = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *list, 0);
    luaL_checkstack(L, count + 4, "too many headers");
    int i = 0, key;
    lua_pushnil(L);
    while ((key = lua_gettop(L)), lua_next(L, map)) {
        if (lua_type(L, key) != LUA_TSTRING || lua_type(L, key + 1) != LUA_TSTRING ||
            !plain(lua_tostring(L, key)) || !plain(lua_tostring(L, key + 1))) {
            enc_fail_misuse(err,
                            op,
                            "headers: expected names and values that are strings of "
                            "one line");
            return NULL;
        }
        if (i == count) {
            enc_fail_misuse(err, op, "headers: they were changed meanwhile");
            return NULL;
        }
        lua_pushfstring(L, "%s: %s", lua_tostring(L, key), lua_tostring(L, key + 1));
        list[i++] = lua_tostring(L, -1);
        lua_replace(L, key + 1);
        lua_insert(L, key); /* the string below the key */
    }
    list[i] = NULL;
    return list;
}

static bool is_method(const char *method) {
    return *method && strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(method);
}

/* Splits url: the server goes to the endpoint; gives the path. With a host, url is the path. */
static const char *read_url(lua_State *L,
                            const struct options *options,
                            const char *op,
                            struct enc_endpoint *endpoint,
                            struct enclave_error *err) {
    const char *url = options->url;
    if (options->host) {
        bool tls = options->certs != NULL;
        if (*url != '/') {
            enc_fail(err, ENCLAVE_INVALID, op, "url: \"%.200s\": expected /path", url);
            return NULL;
        }
        return enc_endpoint_parse(endpoint, options->host, options->certs, tls, tls, err) ? NULL
                                                                                          : url;
    }
    size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    size_t host = strcspn(url + scheme, "/?#");
    if (!scheme || !host || strpbrk(url, " \t\r\n")) {
        enc_fail(err,
                 ENCLAVE_INVALID,
                 op,
                 "url: \"%.200s\": expected http://host[:port]/path or https://…",
                 url);
        return NULL;
    }
    const char *rest = url + scheme + host;
    lua_pushlstring(L, url, scheme + host);
    if (enc_endpoint_parse(endpoint, lua_tostring(L, -1), NULL, scheme == 8, true, err))
        return NULL;
    lua_pushlstring(L, rest, strcspn(rest, "#"));
    rest = lua_tostring(L, -1);
    return *rest == '/' ? rest : lua_pushfstring(L, "/%s", rest);
}

static int http(lua_State *L) {
    static const char op[] = "http";
    static const struct l_field fields[] = {
        {"url", L_STRING, true, offsetof(struct options, url)},
        {"method", L_STRING, false, offsetof(struct options, method)},
        {"headers", L_TABLE, false, offsetof(struct options, headers)},
        {"body", L_BYTES, false, offsetof(struct options, body)},
        {"timeout", L_SECONDS, false, offsetof(struct options, timeout)},
        {"max_reply", L_SIZE, false, offsetof(struct options, max_reply)},
        {"host", L_STRING, false, offsetof(struct options, host)},
        {"certs", L_STRING, false, offsetof(struct options, certs)},
        {0}};
    struct l_core *core = l_core(L);
    struct options options = {.timeout = -1, .method = "GET"};
    struct enclave_error err;
    lua_settop(L, 1);
    int refused = l_refuse_cancelled(L, core, op);
    if (refused)
        return refused;
    if (l_read_fields(L, 1, op, fields, &options, &err) || !l_engine(core, &err))
        return l_fail(L, &err);
    if (!is_method(options.method))
        return l_misuse(L, op, "method: \"%.40s\": expected GET, POST, …", options.method);
    struct request *self = l_new_wait(L, core, sizeof *self, drop);
    int wait = lua_gettop(L);
    const char *path = read_url(L, &options, op, &self->endpoint, &err);
    if (!path)
        return l_fail(L, &err);
    const char *const *headers = NULL;
    if (options.headers && !(headers = read_headers(L, op, &err)))
        return l_fail(L, &err);
    struct enc_http_request request = {.endpoint = &self->endpoint,
                                       .op = op,
                                       .method = options.method,
                                       .path = path,
                                       .headers = headers,
                                       .body = options.body.data,
                                       .body_len = options.body.len,
                                       .deadline = ENC_NEVER,
                                       .max_reply = (size_t)options.max_reply,
                                       .on_done = on_done,
                                       .data = self};
    if (options.timeout >= 0)
        request.deadline = enc_deadline_in_seconds(options.timeout);
    if (options.body.data) { /* the caller may change its table meanwhile */
        l_raw_field(L, 1, "body");
        lua_setiuservalue(L, wait, 1);
    }
    self->http = enc_http_start(l_loop(core), &request, &err);
    if (!self->http)
        return l_fail(L, &err);
    l_await(L, &self->wait, (lua_KContext)self, end);
    return end(L, LUA_OK, (lua_KContext)self);
}

const luaL_Reg l_http_functions[] = {{"http", http}, {NULL, NULL}};
