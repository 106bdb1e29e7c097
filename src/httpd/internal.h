/* internal.h - what the files of the listener share; no other layer sees inside. */
#ifndef ENC_HTTPD_INTERNAL_H
#define ENC_HTTPD_INTERNAL_H

#include <microhttpd.h>

#include "buf.h"
#include "httpd.h"
#include "list.h"

struct enc_httpd {
    struct enc_loop *loop;
    struct MHD_Daemon *daemon;
    struct enc_httpd_options options; /* its strings are gone, but for the key */
    char *api_key;
    uv_poll_t poll;         /* libmicrohttpd's epoll descriptor */
    struct enc_timer timer; /* its next timeout; always started, for it is pending */
    struct enc_list held;   /* requests that wait for their answer */
    size_t busy;
    unsigned port;
    bool quiet, closing;
};

/* Watches the socket of a request that is suspended: libmicrohttpd does not. */
struct enc_httpd_watch {
    uv_poll_t poll;
    struct enc_httpd_request *request;
};

struct enc_httpd_request {
    struct enc_httpd *httpd;
    struct MHD_Connection *connection;
    struct enc_list in_held;
    struct enc_httpd_watch *watch;
    struct MHD_Response *response;
    unsigned status;
    bool begun, held, answered, too_large, broken;
    size_t excess; /* bytes above the limit that were read and dropped */
    char *uri;
    const char *method;
    struct enc_buf body;
    void (*on_gone)(void *data);
    void *data;
};

/* A socket that listens, or -1 with err. */
int enc_httpd_listen(const char *host, unsigned port, unsigned *bound, struct enclave_error *err);

/* request.c: what libmicrohttpd calls. */
void *enc_httpd_on_uri(void *data, const char *uri, struct MHD_Connection *connection);
enum MHD_Result enc_httpd_on_call(void *data,
                                  struct MHD_Connection *connection,
                                  const char *url,
                                  const char *method,
                                  const char *version,
                                  const char *upload,
                                  size_t *upload_len,
                                  void **context);
void enc_httpd_on_completed(void *data,
                            struct MHD_Connection *connection,
                            void **context,
                            enum MHD_RequestTerminationCode code);
void enc_httpd_on_connection(void *data,
                             struct MHD_Connection *connection,
                             void **context,
                             enum MHD_ConnectionNotificationCode code);
/* Lets go of a request that waits, without an answer. */
void enc_httpd_release(struct enc_httpd_request *request);

/* key.c: whether the request shows the key, in a time that does not tell how much of it. */
bool enc_httpd_key_fits(const char *key, struct MHD_Connection *connection);

#endif
