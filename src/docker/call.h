/* call.h - one call of the Docker API under way. */
#ifndef ENC_DOCKER_CALL_H
#define ENC_DOCKER_CALL_H

#include "internal.h"

struct enc_docker_call {
    struct enc_docker *docker;
    struct enc_list in_docker, in_waiting;
    struct enc_docker_ask ask;
    struct enc_docker_for answer;
    char *body, *auth_header;
    struct enc_http *http;
    struct enc_timer overdue; /* while it waits for the negotiation */
    bool calling, closed;     /* it calls back; it was closed meanwhile, and is freed after that */
};

/* client.c */
int enc_docker_negotiate(struct enc_docker *docker, struct enclave_error *err);

/* call.c */
int enc_docker_call_send(struct enc_docker_call *call, struct enclave_error *err);
void enc_docker_call_fail(struct enc_docker_call *call, const struct enclave_error *err);

/* A failure to reach it, with what to do about it. */
void enc_docker_explain(const struct enclave_error *failed, struct enclave_error *err);
/* A reply that says no. */
void enc_docker_refused(struct enc_http_reply *reply, const char *op, struct enclave_error *err);

#endif
