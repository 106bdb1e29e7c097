/* httpd.h - an HTTP/1.1 listener on the engine's loop, by libmicrohttpd. Provides whole
 * requests, one at a time to one callback, each answered once, at any later time, whole or
 * in pieces; limits; an API key; TLS; and the news that a client has gone. Uses loop. Knows
 * no routes, reads no JSON and decodes nothing of the address.
 *
 * What libmicrohttpd answers by itself is HTML: a request line or head that is no HTTP, a
 * missing Host (400), a head that is more than 4 KiB above max_header (431, 414, 413), an
 * unknown HTTP version (505), a length that is no number (400). All else is JSON. */
#ifndef ENC_HTTPD_H
#define ENC_HTTPD_H

#include "log.h"
#include "loop.h"

struct enc_httpd;
struct enc_httpd_request;

struct enc_httpd_options {
    const char *host;         /* an address, or "localhost" */
    unsigned port;            /* 0: any that is free */
    const char *api_key;      /* NULL: everyone may call */
    const char *tls_cert;     /* PEM text, both or none */
    const char *tls_key;      /* PEM text */
    size_t max_body;          /* bytes; more is 413 */
    size_t max_bodies;        /* bytes of all bodies and large answers at a time; else 503 */
    size_t max_header;        /* bytes of request line and headers; more is 431 or 414 */
    unsigned max_connections; /* further ones wait in the backlog */
    unsigned max_requests;    /* on one connection; 0: no limit */
    unsigned idle_seconds;    /* a connection without traffic is closed; 0: never */
    /* Within this and idle_seconds after the last answer the next head is to be whole, and in
     * the same time its body, which has a second more for each KiB; 0, of either: no limit. */
    unsigned request_seconds;
    bool open_options;         /* method OPTIONS needs no key: browsers ask without */
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
/* Its user has made a copy; it counts for max_bodies all the same, until the answer. */
void enc_httpd_drop_body(struct enc_httpd_request *request);
void enc_httpd_headers(const struct enc_httpd_request *request,
                       void (*each)(void *data, const char *name, const char *value),
                       void *data);

/* The client closed its side, or the connection broke: once, before the answer, which must
 * be given all the same. on_drained: less than ENC_HTTPD_FULL waits to be sent. To be set in
 * on_request. */
void enc_httpd_listen_to(struct enc_httpd_request *request,
                         void (*on_gone)(void *),
                         void (*on_drained)(void *),
                         void *data);
/* Also before on_request. */
bool enc_httpd_is_gone(const struct enc_httpd_request *request);

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

/* The same in pieces: the head, any number of pieces of the body, the end. */
int enc_httpd_begin(struct enc_httpd_request *request,
                    unsigned status,
                    const struct enc_httpd_header *headers);
/* Bytes are copied. -1: out of memory; the answer is to be ended, not whole. */
int enc_httpd_write(struct enc_httpd_request *request, const void *bytes, size_t len);
/* Bytes that wait to be sent. A writer is to stop at ENC_HTTPD_FULL until on_drained. */
size_t enc_httpd_unsent(const struct enc_httpd_request *request);
#define ENC_HTTPD_FULL (256u * 1024)
/* whole: else the client is to see that the answer was cut. */
void enc_httpd_end(struct enc_httpd_request *request, bool whole);

#endif
