/* http.h - one HTTP request by libcurl on the loop. Provides requests whose body
 * and reply are bytes in memory, or whose reply is handed on as it comes. */
#ifndef ENC_HTTP_H
#define ENC_HTTP_H

#include "buf.h"
#include "endpoint.h"
#include "loop.h"

struct enc_http;

struct enc_http_reply {
    int status;
    struct enc_buf body; /* empty when on_data took it; may be stolen */
    char content_type[96];
    double retry_after; /* seconds, 0 when the server did not say */
};

struct enc_http_request {
    const struct enc_endpoint *endpoint; /* must outlive the request */
    const char *op;                      /* a literal, for errors: "container.create" */
    const char *method;                  /* "GET" */
    const char *path;                    /* "/v1.41/info?x=y", already escaped; copied */
    const char *const *headers;          /* "Name: value", NULL-terminated; may be NULL; copied */
    const void *body;                    /* borrowed until the request has ended */
    size_t body_len;
    enc_deadline deadline; /* 0 is not "none": use ENC_NEVER */
    size_t max_reply;      /* more than this is ENCLAVE_PROTOCOL; 0: 64 MiB */

    /* Takes the body of a 2xx reply piece by piece; false ends the request with
     * ENCLAVE_CANCELLED. NULL: it is collected in the reply. The body of any
     * other status is always collected. */
    bool (*on_data)(void *data, const char *bytes, size_t len);

    /* Exactly once unless cancelled. err: no complete reply came (UNAVAILABLE
     * when not connected, TIMEOUT, PROTOCOL…); then reply is NULL. Any status is
     * a reply. */
    void (*on_done)(void *data, struct enc_http_reply *reply, const struct enclave_error *err);
    void *data;
};

/* NULL and err filled only when it could not even be started. */
struct enc_http *enc_http_start(struct enc_loop *loop,
                                const struct enc_http_request *request,
                                struct enclave_error *err);

/* No callback comes after this. */
void enc_http_cancel(struct enc_http *http);

#endif
