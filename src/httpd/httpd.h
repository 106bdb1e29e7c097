/* httpd.h - an HTTP/1.1 listener on the engine's loop, by libmicrohttpd. Provides whole
 * requests, one at a time to one callback, each answered once, at any later time; limits;
 * an API key; TLS; and the news that a client has gone. Uses loop. Knows no routes, reads
 * no JSON and decodes nothing of the address. */
#ifndef ENC_HTTPD_H
#define ENC_HTTPD_H

#include "log.h"
#include "loop.h"

struct enc_httpd;
struct enc_httpd_request;

struct enc_httpd_options {
    const char *host;          /* an address, or "localhost" */
    unsigned port;             /* 0: any that is free */
    const char *api_key;       /* NULL: everyone may call */
    const char *tls_cert;      /* PEM text, both or none */
    const char *tls_key;       /* PEM text */
    size_t max_body;           /* bytes; more is 413 */
    size_t max_header;         /* bytes of request line and headers; more is 431 or 414 */
    unsigned max_connections;  /* further ones wait in the backlog */
    unsigned max_requests;     /* on one connection; 0: no limit */
    unsigned idle_seconds;     /* a connection without traffic is closed; 0: never */
    const struct enc_log *log; /* must outlive it; may be NULL */

    /* A whole request came. False: it cannot be taken, the connection is closed. Not to be
     * answered from here. */
    bool (*on_request)(void *data, struct enc_httpd_request *request);
    /* The last request that was there has been answered. May be NULL. */
    void (*on_idle)(void *data);
    void *data;
};

/* NULL with err: INVALID for an address or certificate that cannot be used. */
struct enc_httpd *enc_httpd_open(struct enc_loop *loop,
                                 const struct enc_httpd_options *options,
                                 struct enclave_error *err);
unsigned enc_httpd_port(const struct enc_httpd *httpd);
/* Takes no new connections; those that are there are closed after their answer. */
void enc_httpd_quiesce(struct enc_httpd *httpd);
/* Requests that began and are not answered to the end. */
size_t enc_httpd_busy(const struct enc_httpd *httpd);
/* Closes all connections, also under requests, which are gone without on_gone. No callback
 * comes after. Not from a callback of it. */
void enc_httpd_close(struct enc_httpd *httpd);

/* ---- a request ------------------------------------------------------------------------- */

const char *enc_httpd_method(const struct enc_httpd_request *request);
/* As it was sent: path and query, nothing is decoded. */
const char *enc_httpd_uri(const struct enc_httpd_request *request);
const char *enc_httpd_body(const struct enc_httpd_request *request, size_t *len);
void enc_httpd_headers(const struct enc_httpd_request *request,
                       void (*each)(void *data, const char *name, const char *value),
                       void *data);

/* The client closed its side, or the connection broke: once, before the answer, which must
 * be given all the same. To be set in on_request. */
void enc_httpd_on_gone(struct enc_httpd_request *request, void (*on_gone)(void *), void *data);

struct enc_httpd_header {
    const char *name, *value;
};

/* Ends the request, which is not to be used after. Bytes and headers are copied; the list
 * ends with a NULL name. -1: out of memory, and the connection is closed instead. */
int enc_httpd_respond(struct enc_httpd_request *request,
                      unsigned status,
                      const struct enc_httpd_header *headers,
                      const void *body,
                      size_t len);

#endif
