/* stream.h - a two-way byte stream over an HTTP connection that the server
 * upgraded ("hijacked"): Docker's attach and exec start. */
#ifndef ENC_STREAM_H
#define ENC_STREAM_H

#include "endpoint.h"
#include "loop.h"

struct enc_stream;

struct enc_stream_events {
    /* The server answered 101 or 200 and the stream is open. Once. */
    void (*on_open)(void *data);
    void (*on_data)(void *data, const char *bytes, size_t len);
    /* The last event: the other side ended it (err NULL) or it broke, or it never
     * opened (err; ENCLAVE_DOCKER with http_status when the server answered
     * otherwise, its "message" in the message). The stream must still be closed. */
    void (*on_end)(void *data, const struct enclave_error *err);
};

/* method is POST; body (JSON) may be NULL; it is copied. The deadline is for
 * opening alone. Events must stay valid as long as the stream. */
struct enc_stream *enc_stream_open(struct enc_loop *loop,
                                   const struct enc_endpoint *endpoint,
                                   const char *op,
                                   const char *path,
                                   const char *json_body,
                                   enc_deadline deadline,
                                   const struct enc_stream_events *events,
                                   void *data,
                                   struct enclave_error *err);

/* Queues the bytes (copied) behind what is queued already. -1: it has ended. */
int enc_stream_write(struct enc_stream *stream, const void *bytes, size_t len);

/* Bytes written and not yet taken by the kernel. */
size_t enc_stream_queued(const struct enc_stream *stream);

/* Calls on_drain (may be NULL) each time the queue has become empty. */
void enc_stream_on_drain(struct enc_stream *stream, void (*on_drain)(void *data));

/* No more writing: the other side sees the end once the queue is sent. Over TLS it comes
 * without TLS's own goodbye: servers in Go take that for an end, a proxy in between may
 * take it for the end of both directions. */
void enc_stream_end(struct enc_stream *stream);

/* Stops and restarts reading: back-pressure. */
void enc_stream_pause(struct enc_stream *stream, bool paused);

/* Closes and frees; no event comes after. Allowed inside events; NULL is allowed. */
void enc_stream_close(struct enc_stream *stream);

#endif
