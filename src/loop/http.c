#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

#define DEFAULT_MAX_REPLY (64u << 20)

struct enc_http {
    struct enc_exchange exchange;
    struct enc_loop *loop;
    struct enc_http_request request;
    struct curl_slist *headers;
    struct enc_timer overdue;
    struct enc_buf body; /* with on_data: what was not handed on yet */
    bool head_ended;     /* libcurl takes a head that broke off for a whole reply */
    bool too_big, no_memory, again;
    bool calling, closed; /* it calls back; it was closed meanwhile, and is freed after that */
};

static void http_free(struct enc_http *http) {
    http->closed = true;
    http->loop->operations--;
    enc_timer_stop(http->loop, &http->overdue);
    enc_exchange_close(&http->exchange);
    curl_slist_free_all(http->headers);
    enc_buf_free(&http->body);
    if (!http->calling)
        free(http);
}

static int status_of(struct enc_http *http) {
    long status = 0;
    curl_easy_getinfo(http->exchange.easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

static bool streams(struct enc_http *http) {
    return http->request.on_data && status_of(http) / 100 == 2;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *data) {
    struct enc_http *http = data;
    size_t len = size * count;
    bool handed_on = streams(http);
    if (!handed_on && len > http->request.max_reply - http->body.len) {
        http->too_big = true;
        return 0;
    }
    if (!enc_buf_append(&http->body, bytes, len)) {
        http->no_memory = true;
        return 0;
    }
    if (handed_on)
        enc_exchange_mark(&http->exchange);
    return len;
}

static size_t on_header(char *line, size_t size, size_t count, void *data) {
    struct enc_http *http = data;
    http->head_ended |= size * count <= 2 && (*line == '\r' || *line == '\n');
    return size * count;
}

/* The last thing that happens to it. */
static void end(struct enc_http *http, const struct enclave_error *err) {
    struct enc_http_reply reply = {0};
    void (*on_done)(void *, struct enc_http_reply *, const struct enclave_error *) =
        http->request.on_done;
    void *data = http->request.data;
    if (!err) {
        char *type = NULL;
        curl_off_t retry = 0;
        reply.status = status_of(http);
        curl_easy_getinfo(http->exchange.easy, CURLINFO_CONTENT_TYPE, &type);
        curl_easy_getinfo(http->exchange.easy, CURLINFO_RETRY_AFTER, &retry);
        if (type)
            strncat(reply.content_type, type, sizeof reply.content_type - 1);
        reply.retry_after = retry > 0 ? (double)retry : 0;
        reply.body = enc_buf_steal(&http->body);
    }
    http_free(http);
    on_done(data, err ? NULL : &reply, err);
    enc_buf_free(&reply.body);
}

/* A kept connection that the server closed just as the request was on its way: what was not sent
 * whole was not obeyed, so it is sent once more. (Of a failing receive libcurl does the same.) */
static bool starts_again(struct enc_http *http) {
    struct enc_exchange *exchange = &http->exchange;
    long connects = 1;
    curl_easy_getinfo(exchange->easy, CURLINFO_NUM_CONNECTS, &connects);
    if (exchange->result != CURLE_SEND_ERROR || connects || http->again || status_of(http))
        return false;
    http->again = true;
    curl_easy_setopt(exchange->easy, CURLOPT_FRESH_CONNECT, 1L);
    return enc_exchange_again(exchange) == 0;
}

static void on_ready(struct enc_exchange *exchange) {
    struct enc_http *http = ENC_CONTAINER_OF(exchange, struct enc_http, exchange);
    const char *op = http->request.op;
    struct enclave_error err = {0};
    if (http->body.len && streams(http)) {
        struct enc_buf piece = enc_buf_steal(&http->body);
        http->calling = true;
        bool more = http->request.on_data(http->request.data, piece.data, piece.len);
        enc_buf_free(&piece);
        http->calling = false;
        if (http->closed) {
            free(http);
            return;
        }
        if (!more) {
            enc_fail(&err, ENCLAVE_CANCELLED, op, "the receiver wants no more");
            end(http, &err);
            return;
        }
    }
    if (!exchange->finished || starts_again(http))
        return;
    if (exchange->result == CURLE_OK && http->head_ended) {
        end(http, NULL);
        return;
    }
    if (exchange->result == CURLE_OK)
        exchange->result = CURLE_PARTIAL_FILE;
    if (http->too_big)
        enc_fail(&err,
                 ENCLAVE_PROTOCOL,
                 op,
                 "the reply is larger than %zu bytes",
                 http->request.max_reply);
    else if (http->no_memory)
        enc_fail_nomem(&err, op);
    else
        enc_easy_error(exchange, http->request.endpoint, op, &err);
    end(http, &err);
}

static void on_overdue(struct enc_timer *timer) {
    struct enc_http *http = ENC_CONTAINER_OF(timer, struct enc_http, overdue);
    struct enclave_error err = {0};
    char *url = NULL;
    curl_easy_getinfo(http->exchange.easy, CURLINFO_EFFECTIVE_URL, &url);
    enc_fail(&err,
             ENCLAVE_TIMEOUT,
             http->request.op,
             "no complete reply from %s in time",
             http->request.endpoint ? http->request.endpoint->name
             : url                  ? url
                                    : "the server");
    end(http, &err);
}

static int add_header(struct enc_http *http, const char *line) {
    struct curl_slist *list = curl_slist_append(http->headers, line);
    if (!list)
        return -1;
    http->headers = list;
    return 0;
}

static int set_headers(struct enc_http *http) {
    bool typed = false;
    const char *const *line = http->request.headers;
    for (; line && *line; line++) {
        typed |= !strncasecmp(*line, "content-type:", 13);
        if (add_header(http, *line))
            return -1;
    }
    /* No waiting for "100 Continue", and not libcurl's idea of what a body is. */
    return add_header(http, "Expect:") || (!typed && add_header(http, "Content-Type:")) ? -1 : 0;
}

static int set_up(struct enc_http *http, const char *path) {
    const struct enc_http_request *request = &http->request;
    if (enc_easy_setup(&http->exchange, request->endpoint, path) || set_headers(http))
        return -1;
    CURL *easy = http->exchange.easy;
    CURLcode code = CURLE_OK;
    if (!strcmp(request->method, "HEAD")) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else {
        bool bare = !strcmp(request->method, "GET") || !strcmp(request->method, "DELETE");
        if (request->body_len || !bare) {
            curl_easy_setopt(easy, CURLOPT_POST, 1L);
            curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body_len ? request->body : "");
            curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        }
        code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, http);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
    return code || enc_exchange_open(&http->loop->multi, &http->exchange) ? -1 : 0;
}

/* What would let a caller's data add header lines of its own. */
static bool well_formed(const struct enc_http_request *request) {
    if (!*request->method || strpbrk(request->method, " \t\r\n"))
        return false;
    for (const char *const *line = request->headers; line && *line; line++)
        if (strpbrk(*line, "\r\n") || !strchr(*line, ':'))
            return false;
    return true;
}

struct enc_http *enc_http_start(struct enc_loop *loop,
                                const struct enc_http_request *request,
                                struct enclave_error *err) {
    if (!well_formed(request)) {
        enc_fail(err,
                 ENCLAVE_INVALID,
                 request->op,
                 "a method is one word and a header \"Name: value\", without line breaks");
        return NULL;
    }
    struct enc_http *http = calloc(1, sizeof *http);
    if (!http) {
        enc_fail_nomem(err, request->op);
        return NULL;
    }
    http->loop = loop;
    http->request = *request;
    http->request.path = NULL;
    if (!http->request.max_reply)
        http->request.max_reply = DEFAULT_MAX_REPLY;
    http->exchange.ready = on_ready;
    http->overdue.fire = on_overdue;
    loop->operations++;
    if (set_up(http, request->path) || enc_timer_start(loop, &http->overdue, request->deadline)) {
        http_free(http);
        enc_fail_nomem(err, request->op);
        return NULL;
    }
    http->request.headers = NULL; /* the caller's; libcurl has them now */
    http->request.method = NULL;
    return http;
}

void enc_http_cancel(struct enc_http *http) {
    if (http)
        http_free(http);
}
