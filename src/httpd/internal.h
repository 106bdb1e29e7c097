/* internal.h - what the files of the listener share; no other layer sees inside. */
#ifndef ENC_HTTPD_INTERNAL_H
#define ENC_HTTPD_INTERNAL_H

#include <microhttpd.h>

#include "buf.h"
#include "httpd.h"
#include "list.h"

/* Bytes a second that keep a body going past its time. */
#define ENC_HTTPD_SLOWEST 1024

struct enc_httpd {
    struct enc_loop *loop;
    struct MHD_Daemon *daemon;
    struct enc_httpd_options options; /* its strings are gone, but for the key */
    char *api_key;
    uv_poll_t poll;         /* libmicrohttpd's descriptor */
    struct enc_timer timer; /* its next timeout; always started, for it is pending */
    struct enc_list held;   /* requests that wait for their answer */
    size_t busy;
    size_t bodies; /* bytes */
    unsigned port;
    bool quiet, closing;
    bool again; /* a connection has ended, and there may be room for others */
};

/* One connection, from its accept to its close. The watch tells that the client has closed its
 * side, also while libmicrohttpd does not look. */
struct enc_httpd_link {
    uv_poll_t poll;
    struct enc_httpd *httpd;
    struct enc_timer timer; /* a head or a body is to be whole by then */
    size_t received;        /* bytes of a body since the timer was set */
    int fd;
    unsigned requests;                 /* so far */
    bool gone;                         /* the client */
    struct enc_httpd_request *request; /* the one that is with its user; NULL: none is */
};

struct enc_httpd_request {
    struct enc_httpd *httpd;
    struct MHD_Connection *connection; /* NULL: over, only its user still has it */
    struct enc_httpd_link *link;       /* NULL: no memory for one, or over */
    struct enc_list in_held;
    struct MHD_Response *response;
    unsigned status;
    bool begun, answered;
    bool too_large, too_many; /* of its body; of all bodies */
    bool held;      /* its user has it: set from on_request until the answer is complete */
    bool suspended; /* libmicrohttpd leaves it alone */
    bool whole, told;
    size_t excess; /* bytes above the limit that were read and dropped */
    char *uri, *method;
    struct enc_buf body;
    size_t counted;     /* in httpd->bodies */
    struct enc_buf out; /* of a body that streams: not sent yet */
    size_t sent;        /* bytes at the front of out that are */
    void (*on_gone)(void *data);
    void (*on_drained)(void *data);
    void *data;
};

/* wait_linux.c: the flag of libmicrohttpd for waiting outside of it, and then the one descriptor
 * that is readable when it has work; -1: it has none. */
unsigned enc_httpd_wait_flag(void);
int enc_httpd_wait_fd(struct MHD_Daemon *daemon);

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
/* connection.c */
void enc_httpd_on_connection(void *data,
                             struct MHD_Connection *connection,
                             void **context,
                             enum MHD_ConnectionNotificationCode code);
struct enc_httpd_link *enc_httpd_link_of(struct MHD_Connection *connection);
/* A head or a body is to come whole within the time that the options give. */
void enc_httpd_expect(struct enc_httpd_link *link);
void enc_httpd_expect_no_more(struct enc_httpd_link *link);

/* answer.c: a whole answer. -1: no memory. */
int enc_httpd_make_answer(struct enc_httpd_request *request,
                          unsigned status,
                          const struct enc_httpd_header *headers,
                          const void *body,
                          size_t len);
enum MHD_Result enc_httpd_send_answer(struct enc_httpd_request *request);
void enc_httpd_tell_gone(struct enc_httpd_request *request);
/* Its user has no more to do with it. */
void enc_httpd_let_go(struct enc_httpd_request *request);
void enc_httpd_request_free(struct enc_httpd_request *request);

/* key.c: whether the request shows the key, in a time that does not tell how much of it. */
bool enc_httpd_key_fits(const char *key, struct MHD_Connection *connection);

#endif
