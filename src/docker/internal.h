/* internal.h - what the files of the Docker layer share: a client, one call of its API,
 * and the one function that all calls go through. */
#ifndef ENC_DOCKER_INTERNAL_H
#define ENC_DOCKER_INTERNAL_H

#include "docker.h"
#include "http.h"
#include "list.h"

struct enc_docker {
    struct enc_loop *loop;
    struct enc_endpoint endpoint;
    char version[16];        /* negotiated; "" before */
    bool stale;              /* it was away meanwhile and may be another now */
    struct enc_http *hello;  /* the negotiation under way */
    struct enc_list calls;   /* all */
    struct enc_list waiting; /* those that wait for the negotiation */
};

/* What a call is; strings are literals or live as long as the call, unless said. */
struct enc_docker_ask {
    const char *op, *method;
    char *path; /* behind the version; taken over, NULL: there was no memory */
    json_t *body;
    const void *tar; /* borrowed until the call ends */
    size_t tar_len;
    const char *auth;                                           /* copied */
    bool (*on_data)(void *data, const char *bytes, size_t len); /* data: the answer's */
    /* For calls that stream: told instead of the caller's own, and freed at the end. The
     * watcher's end may turn success into an error. */
    struct enc_docker_watch *watch;
};

/* A reply of one JSON object after the other. */
struct enc_docker_watch {
    void (*object)(struct enc_docker_watch *watch, void *data, json_t *object);
    enc_docker_progress *progress;
    void (*on_event)(void *data, json_t *event);
    struct enclave_error failed; /* code: what the stream said */
    struct enc_buf piece;        /* of an object */
    unsigned depth;
    bool in_string, escaped;
};

struct enc_docker_call *enc_docker_ask(struct enc_docker *docker,
                                       const struct enc_docker_ask *ask,
                                       struct enc_docker_for answer,
                                       struct enclave_error *err);

/* Literal and value in turn, NULL at the end; values are percent-encoded (a "/" too).
 * NULL: no memory. */
char *enc_docker_path(const char *first, ...) __attribute__((sentinel));

/* watch.c. False: the stream is no JSON, or an object is too large (watch->failed). It
 * stops when *closed has become true. */
bool enc_docker_watch_feed(
    struct enc_docker_watch *watch, void *data, const char *bytes, size_t len, const bool *closed);

#endif
