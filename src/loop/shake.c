/* Opening a stream: connect, send the request, read the head of the reply. */
#include <stdlib.h>
#include <string.h>

#include "head.h"
#include "stream_internal.h"

#define MAX_HEAD 65536 /* of the reply, with the body of a refusal */

static bool refuse(struct enc_stream *stream, const struct enc_head *head) {
    char text[800];
    struct enclave_error err = {0};
    enc_head_message(
        stream->reply.data + head->len, stream->reply.len - head->len, text, sizeof text);
    enc_fail(&err,
             ENCLAVE_DOCKER,
             stream->op,
             "%s (HTTP status %d)",
             *text ? text : "the server refused",
             head->status);
    err.http_status = head->status;
    return enc_stream_finish(stream, &err);
}

/* As enc_head_parse, behind replies that are only the first of two, such as 100. */
static int find_head(struct enc_stream *stream, struct enc_head *head) {
    struct enc_buf *reply = &stream->reply;
    int rc;
    while ((rc = reply->len ? enc_head_parse(head, reply->data, reply->len) : 0) > 0 &&
           head->status < 200 && head->status != 101)
        enc_buf_consume(reply, head->len);
    return rc;
}

bool enc_stream_shake(struct enc_stream *stream, bool eof) {
    struct enc_head head;
    int rc = find_head(stream, &head);
    if (rc < 0)
        return enc_stream_fail(stream, ENCLAVE_PROTOCOL, "the reply is not HTTP");
    bool full = stream->reply.len >= MAX_HEAD;
    if (!rc) {
        if (eof)
            return enc_stream_fail(
                stream, ENCLAVE_UNAVAILABLE, "the connection ended before a reply");
        return full ? enc_stream_fail(stream, ENCLAVE_PROTOCOL, "the head of the reply is too long")
                    : false;
    }
    if (head.status != 101 && head.status != 200) {
        const char *body = stream->reply.data + head.len;
        if (eof || full || enc_head_body_complete(&head, body, stream->reply.len - head.len))
            return refuse(stream, &head);
        return false;
    }
    struct enc_buf reply = enc_buf_steal(&stream->reply);
    enc_timer_stop(stream->loop, &stream->overdue);
    stream->phase = ENC_STREAM_OPEN;
    enc_stream_enter(stream);
    stream->events->on_open(stream->data);
    bool gone = enc_stream_leave(stream);
    if (!gone) {
        enc_stream_flush(stream); /* what was written meanwhile */
        gone = enc_stream_deliver(stream, reply.data + head.len, reply.len - head.len);
    }
    enc_buf_free(&reply);
    return gone;
}

static void on_overdue(struct enc_timer *timer) {
    enc_stream_fail(ENC_CONTAINER_OF(timer, struct enc_stream, overdue),
                    ENCLAVE_TIMEOUT,
                    "the stream did not open in time");
}

/* Connected: from here on the socket is ours. */
static void on_connected(struct enc_exchange *exchange) {
    struct enc_stream *stream = ENC_CONTAINER_OF(exchange, struct enc_stream, exchange);
    if (!exchange->finished || stream->phase != ENC_STREAM_CONNECTING)
        return;
    if (exchange->result != CURLE_OK) {
        struct enclave_error err = {0};
        enc_easy_error(exchange, stream->endpoint, stream->op, &err);
        enc_stream_finish(stream, &err);
        return;
    }
    curl_socket_t fd = CURL_SOCKET_BAD;
    curl_easy_getinfo(exchange->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd == CURL_SOCKET_BAD || uv_poll_init_socket(stream->loop->uv, &stream->poll, fd)) {
        enc_stream_fail(stream, ENCLAVE_INTERNAL, "cannot watch the connection");
        return;
    }
    stream->fd = (int)fd;
    stream->poll.data = stream;
    stream->polled = true;
    stream->phase = ENC_STREAM_ASKING;
    enc_stream_flush(stream);
}

static const char *host_of(const struct enc_endpoint *endpoint) {
    const char *slashes = strstr(endpoint->base_url, "://");
    return slashes ? slashes + 3 : endpoint->base_url;
}

static int set_up(struct enc_stream *stream, const char *path, const char *body) {
    if (enc_multi_init(&stream->multi, stream->loop) ||
        enc_easy_setup(&stream->exchange, stream->endpoint, "/"))
        return -1;
    size_t len = body ? strlen(body) : 0;
    if (!enc_buf_printf(&stream->out,
                        "POST %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                        path,
                        host_of(stream->endpoint),
                        len) ||
        !enc_buf_append(&stream->out, body ? body : "", len))
        return -1;
    curl_easy_setopt(stream->exchange.easy, CURLOPT_CONNECT_ONLY, 1L);
    return enc_exchange_open(&stream->multi, &stream->exchange);
}

struct enc_stream *enc_stream_open(struct enc_loop *loop,
                                   const struct enc_endpoint *endpoint,
                                   const char *op,
                                   const char *path,
                                   const char *json_body,
                                   enc_deadline deadline,
                                   const struct enc_stream_events *events,
                                   void *data,
                                   struct enclave_error *err) {
    struct enc_stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
        enc_fail_nomem(err, op);
        return NULL;
    }
    stream->loop = loop;
    stream->endpoint = endpoint;
    stream->op = op;
    stream->tls = !strncmp(endpoint->base_url, "https:", 6);
    stream->events = events;
    stream->data = data;
    stream->exchange.ready = on_connected;
    stream->again.fire = enc_stream_again;
    stream->overdue.fire = on_overdue;
    stream->multi.loop = loop;
    loop->operations++;
    if (set_up(stream, path, json_body) || enc_timer_start(loop, &stream->overdue, deadline)) {
        enc_stream_close(stream);
        enc_fail_nomem(err, op);
        return NULL;
    }
    return stream;
}
