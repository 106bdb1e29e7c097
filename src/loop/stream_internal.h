/* stream_internal.h - shared by the two halves of a stream: shake.c opens it, stream.c
 * moves its bytes. */
#ifndef ENC_STREAM_INTERNAL_H
#define ENC_STREAM_INTERNAL_H

#include "buf.h"
#include "internal.h"
#include "stream.h"

enum enc_stream_phase {
    ENC_STREAM_CONNECTING,
    ENC_STREAM_ASKING,
    ENC_STREAM_OPEN,
    ENC_STREAM_ENDED
};

struct enc_stream {
    struct enc_multi multi;
    struct enc_exchange exchange;
    struct enc_loop *loop;
    const struct enc_endpoint *endpoint;
    const struct enc_stream_events *events;
    void *data;
    const char *op;
    enum enc_stream_phase phase;
    bool tls;
    bool polled; /* the poll handle is there */
    bool paused, ending, shut;
    uv_poll_t poll;
    int polling; /* events asked for */
    int fd;
    struct enc_buf reply; /* head, while asking */
    /* From sent on still to be written; first the request. It stays where it is until all of it
     * was taken: TLS wants to be given the same bytes again. What comes meanwhile is in next. */
    struct enc_buf out, next;
    size_t sent;
    struct enc_timer again; /* work for the next turn, without waiting for the socket */
    struct enc_timer overdue;
    bool drained;                /* on_drain is due */
    struct enclave_error broken; /* code: on_end is due */
    void (*on_drain)(void *data);
    bool calling, closed; /* it calls back; it was closed meanwhile, and is freed after that */
};

/* Around each event. leave: true when it was closed meanwhile; nothing of it may be
 * touched then. */
void enc_stream_enter(struct enc_stream *stream);
bool enc_stream_leave(struct enc_stream *stream);

/* The last event. err NULL: the other side ended it. Always true: there is nothing more
 * to do. */
bool enc_stream_finish(struct enc_stream *stream, const struct enclave_error *err);
bool enc_stream_fail(struct enc_stream *stream, enum enclave_code code, const char *text);

/* Writes what the kernel takes. Calls nobody: a failure is noted for the next turn. */
void enc_stream_flush(struct enc_stream *stream);

/* True: the stream was closed by the callback, or has ended. */
bool enc_stream_deliver(struct enc_stream *stream, const char *bytes, size_t len);

/* Looks for the head of the reply in what came. eof: nothing more will come. True: the
 * stream is gone or has ended. */
bool enc_stream_shake(struct enc_stream *stream, bool eof);

void enc_stream_again(struct enc_timer *timer);

#endif
