#include "stream_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define READS_PER_TURN 16 /* then the other handles have their turn */

static void on_poll(uv_poll_t *poll, int status, int events);

static bool reads(const struct enc_stream *stream) {
    return stream->phase == ENC_STREAM_ASKING ||
           (stream->phase == ENC_STREAM_OPEN && !stream->paused);
}

/* Until it is open only the request goes out. */
static bool has_to_send(const struct enc_stream *stream) {
    return (stream->phase == ENC_STREAM_OPEN || stream->phase == ENC_STREAM_ASKING) &&
           stream->sent < stream->out.len;
}

/* Asks the socket for what is wanted now. */
static void watch(struct enc_stream *stream) {
    if (!stream->polled)
        return;
    int events = (reads(stream) ? UV_READABLE : 0) | (has_to_send(stream) ? UV_WRITABLE : 0);
    if (events == stream->polling)
        return;
    stream->polling = events;
    if (events)
        uv_poll_start(&stream->poll, events, on_poll);
    else
        uv_poll_stop(&stream->poll);
}

static void release(struct enc_stream *stream) {
    enc_buf_free(&stream->reply);
    enc_buf_free(&stream->out);
    enc_buf_free(&stream->next);
    free(stream);
}

void enc_stream_enter(struct enc_stream *stream) {
    stream->calling = true;
}

bool enc_stream_leave(struct enc_stream *stream) {
    stream->calling = false;
    if (!stream->closed)
        return false;
    if (!stream->polled) /* else its poll handle, once closed, does it */
        release(stream);
    return true;
}

bool enc_stream_finish(struct enc_stream *stream, const struct enclave_error *err) {
    stream->phase = ENC_STREAM_ENDED;
    enc_timer_stop(stream->loop, &stream->overdue);
    enc_timer_stop(stream->loop, &stream->again);
    watch(stream);
    enc_stream_enter(stream);
    stream->events->on_end(stream->data, err);
    enc_stream_leave(stream);
    return true;
}

bool enc_stream_fail(struct enc_stream *stream, enum enclave_code code, const char *text) {
    struct enclave_error err = {0};
    enc_fail(&err, code, stream->op, "%s: %s", stream->endpoint->name, text);
    return enc_stream_finish(stream, &err);
}

static void later(struct enc_stream *stream) {
    /* Without memory for a timer the socket's next event does the work. */
    enc_timer_start(stream->loop, &stream->again, 0);
}

/* All of out was taken: goes on with what has come meanwhile. */
static void take_next(struct enc_stream *stream) {
    struct enc_buf empty = stream->out;
    stream->out = stream->next;
    stream->sent = empty.len = 0;
    if (empty.cap > ENC_SCRATCH_SIZE)
        enc_buf_free(&empty);
    stream->next = empty;
}

void enc_stream_flush(struct enc_stream *stream) {
    enc_loop_enter(stream->loop);
    while (!stream->broken.code) {
        size_t taken = 0;
        if (stream->phase == ENC_STREAM_OPEN && stream->sent == stream->out.len)
            take_next(stream);
        if (!has_to_send(stream))
            break;
        CURLcode code = curl_easy_send(stream->exchange.easy,
                                       stream->out.data + stream->sent,
                                       stream->out.len - stream->sent,
                                       &taken);
        if (code == CURLE_AGAIN)
            break;
        if (code != CURLE_OK) {
            enc_fail(&stream->broken,
                     ENCLAVE_UNAVAILABLE,
                     stream->op,
                     "the connection to %s broke while writing: %s",
                     stream->endpoint->name,
                     curl_easy_strerror(code));
            later(stream);
            break;
        }
        stream->sent += taken;
    }
    enc_loop_leave(stream->loop);
    if (stream->phase == ENC_STREAM_OPEN && !stream->out.len) {
        if (stream->on_drain) {
            stream->drained = true;
            later(stream);
        }
        if (stream->ending && !stream->shut) {
            stream->shut = true;
            shutdown(stream->fd,
                     SHUT_WR); /* with TLS the other side sees a bare end, which Go takes */
        }
    }
    watch(stream);
}

bool enc_stream_deliver(struct enc_stream *stream, const char *bytes, size_t len) {
    if (!len)
        return false;
    enc_stream_enter(stream);
    stream->events->on_data(stream->data, bytes, len);
    return enc_stream_leave(stream) || stream->phase != ENC_STREAM_OPEN;
}

/* True: the stream is gone or has ended. */
static bool take(struct enc_stream *stream, const char *bytes, size_t len) {
    if (stream->phase == ENC_STREAM_OPEN)
        return enc_stream_deliver(stream, bytes, len);
    if (!enc_buf_append(&stream->reply, bytes, len)) {
        struct enclave_error err = {0};
        enc_fail_nomem(&err, stream->op);
        return enc_stream_finish(stream, &err);
    }
    return enc_stream_shake(stream, false);
}

/* True: the stream is gone or has ended. */
static bool read_some(struct enc_stream *stream) {
    for (int i = 0; i < READS_PER_TURN && reads(stream); i++) {
        size_t len = 0;
        CURLcode code =
            curl_easy_recv(stream->exchange.easy, stream->loop->scratch, ENC_SCRATCH_SIZE, &len);
        if (code == CURLE_AGAIN)
            return false;
        if (code == CURLE_OK && len) {
            if (take(stream, stream->loop->scratch, len))
                return true;
            if (!stream->tls && len < ENC_SCRATCH_SIZE)
                return false; /* that was all */
            continue;
        }
        if (stream->phase == ENC_STREAM_ASKING)
            return enc_stream_shake(stream, true);
        if (code == CURLE_OK || stream->shut)
            return enc_stream_finish(stream, NULL);
        struct enclave_error err = {0};
        enc_fail(&err,
                 ENCLAVE_UNAVAILABLE,
                 stream->op,
                 "the connection to %s broke: %s",
                 stream->endpoint->name,
                 curl_easy_strerror(code));
        return enc_stream_finish(stream, &err);
    }
    /* Bytes may wait inside the TLS layer, of which the socket knows nothing. */
    if (reads(stream))
        later(stream);
    return false;
}

static void work(struct enc_stream *stream) {
    if (stream->broken.code) {
        struct enclave_error err = stream->broken;
        enc_stream_finish(stream, &err);
        return;
    }
    if (stream->drained) {
        stream->drained = false;
        enc_stream_enter(stream);
        if (stream->on_drain)
            stream->on_drain(stream->data);
        if (enc_stream_leave(stream))
            return;
    }
    if (reads(stream))
        read_some(stream);
}

void enc_stream_again(struct enc_timer *timer) {
    work(ENC_CONTAINER_OF(timer, struct enc_stream, again));
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct enc_stream *stream = poll->data;
    if (status < 0) {
        stream->polling = 0;    /* libuv stopped it */
        stream->paused = false; /* reading shows what is wrong */
    }
    if ((events & UV_WRITABLE) && !stream->broken.code)
        enc_stream_flush(stream);
    if (((events & UV_READABLE) || status < 0) && reads(stream) && !stream->broken.code &&
        read_some(stream))
        return;
    watch(stream);
}

static void on_closed(uv_handle_t *handle) {
    struct enc_stream *stream = handle->data;
    stream->loop->closing--;
    release(stream);
}

int enc_stream_write(struct enc_stream *stream, const void *bytes, size_t len) {
    if (stream->phase == ENC_STREAM_ENDED || stream->ending || stream->broken.code)
        return -1;
    if (!enc_buf_append(stream->out.len ? &stream->next : &stream->out, bytes, len)) {
        enc_fail_nomem(&stream->broken, stream->op);
        later(stream);
        return -1;
    }
    if (stream->phase == ENC_STREAM_OPEN)
        enc_stream_flush(stream);
    return 0;
}

size_t enc_stream_queued(const struct enc_stream *stream) {
    return stream->out.len - stream->sent + stream->next.len;
}

void enc_stream_on_drain(struct enc_stream *stream, void (*on_drain)(void *data)) {
    stream->on_drain = on_drain;
}

void enc_stream_end(struct enc_stream *stream) {
    if (stream->phase == ENC_STREAM_ENDED || stream->ending)
        return;
    stream->ending = true;
    if (stream->phase == ENC_STREAM_OPEN)
        enc_stream_flush(stream);
}

void enc_stream_pause(struct enc_stream *stream, bool paused) {
    if (stream->paused == paused)
        return;
    stream->paused = paused;
    watch(stream);
    if (!paused && stream->phase == ENC_STREAM_OPEN)
        later(stream);
}

void enc_stream_close(struct enc_stream *stream) {
    if (!stream)
        return;
    stream->closed = true;
    stream->loop->operations--;
    enc_timer_stop(stream->loop, &stream->again);
    enc_timer_stop(stream->loop, &stream->overdue);
    bool polled = stream->polled;
    if (polled) { /* before libcurl closes the socket */
        stream->loop->closing++;
        uv_close((uv_handle_t *)&stream->poll, on_closed);
    }
    enc_exchange_close(&stream->exchange);
    enc_multi_free(&stream->multi);
    if (!polled && !stream->calling)
        release(stream);
}
