/* driver_docker.h - what the files of the Docker driver share. Private to them. */
#ifndef ENC_DRIVER_DOCKER_H
#define ENC_DRIVER_DOCKER_H

#include "channel_agent/socket.h"
#include "docker.h"
#include "programs.h"
#include "sandbox.h"

#define ENC_LABEL_OWNER   "enclave.owner"
#define ENC_LABEL_VERSION "enclave.version"
#define ENC_LABEL_POOL    "enclave.pool"
#define ENC_LABEL_SANDBOX "enclave.sandbox"

#define ENC_DOCKER_LIMIT (60 * ENC_NS_PER_S) /* for one ordinary call */

struct enc_docker_host {
    struct enc_host base;
    struct enc_docker *docker;
    bool swept;
    bool has_agent;                /* in its volume, checked by this engine */
    struct enc_agent_fill *filler; /* who puts it there just now */
    unsigned fills;                /* so many were begun */
    bool knows_fit;                /* whether the agent can run there was looked at */
    bool agent_fits;               /* it can */
    bool no_socket;                /* folders of this host cannot be mounted there */
    struct enc_list boxes;         /* in_host */
    json_t *warned;                /* what the engine has warned of */
    json_t *left;                  /* ids that are still to be removed */
    struct enc_docker_call *leaving;
    struct enc_timer left_pause;
    unsigned left_tries; /* of the first one that failed though the engine answered */
};

struct enc_box;

/* What speaks over the attached stream of a container; chosen for each sandbox. */
struct enc_box_link {
    const char *name;
    /* Entrypoint and arguments of the container into its create body. -1: no memory. */
    int (*describe)(struct enc_box *box, json_t *body);
    const char *stage; /* what is waited for once the container runs */
    /* What the container's first process wrote. False: the box may be gone. */
    bool (*feed)(struct enc_box *box, int stream, const char *bytes, size_t len);
    /* The box goes: no event comes after this. More than once; may be NULL. */
    void (*close)(struct enc_box *box);
};

extern const struct enc_box_link enc_box_link_exec, enc_box_link_agent;

/* One container. */
struct enc_box {
    struct enc_list in_host;
    struct enc_sandbox *sandbox;
    struct enc_docker_host *host;
    const struct enc_box_link *link;
    char id[80];       /* of the container; "" before it is created */
    const char *stage; /* for messages: what is being done */
    struct enc_docker_call *call;
    struct enc_stream *stream; /* attached */
    struct enc_demux demux;
    struct enc_agent_socket *socket; /* the agent's, near by; NULL: none */
    bool streamed;                   /* the agent's frames come by the attached stream */
    struct enc_buf said;             /* what its first process wrote before it was ready */
    struct enc_timer timer;
    bool creating, removing;
    bool ended;                   /* the stream did while the container was being started */
    bool falling;                 /* from the agent to docker exec */
    enc_deadline give_up;         /* removal is tried until then */
    struct enclave_error trouble; /* to be reported on the next turn */
};

static inline struct enc_docker_host *enc_docker_host_of(struct enc_host *host) {
    return ENC_CONTAINER_OF(host, struct enc_docker_host, base);
}

/* It never came up, or died. */
void enc_box_fail(struct enc_box *box, const struct enclave_error *err);

/* The same with box->trouble, from functions that must not call back. */
void enc_box_fail_later(struct enc_box *box);
/* Has its container created; on_created follows. */
void enc_box_request(struct enc_box *box);

/* fallback.c: how it is to be reached, NULL: err; whether it goes on by docker exec instead. */
const struct enc_box_link *enc_box_choose_link(const struct enc_docker_host *host,
                                               const struct enc_config *config,
                                               struct enclave_error *err);
bool enc_box_fall_back(struct enc_box *box, const struct enclave_error *err);

/* body.c: the body of the create call; a new object, NULL: no memory. */
json_t *enc_box_body(struct enc_box *box);
/* Tells, once each, which of the limits in it the engine has left out. */
void enc_box_warned(struct enc_box *box, json_t *reply);

/* left.c: remembers a container, by id or name; tries again to remove what is
 * remembered. */
void enc_left_add(struct enc_docker_host *host, const char *id);
void enc_left_try(struct enc_docker_host *host);
void enc_left_close(struct enc_docker_host *host);

/* prepare.c */
struct enc_prepare *enc_docker_prepare(struct enc_host *host,
                                       struct enc_config *config,
                                       enc_progress *progress,
                                       void (*done)(void *data, const struct enclave_error *err),
                                       void *data,
                                       struct enclave_error *err);
void enc_docker_prepare_cancel(struct enc_prepare *prepare);

/* volume.c: has the agent in its volume; an image is needed for the container
 * through which it is put there. done comes once, unless it is cancelled. */
struct enc_agent_fill;
struct enc_agent_fill *enc_agent_fill(struct enc_docker_host *host,
                                      const char *image,
                                      const char *platform,
                                      void (*done)(void *data, const struct enclave_error *err),
                                      void *data,
                                      struct enclave_error *err);
void enc_agent_fill_cancel(struct enc_agent_fill *fill);

/* programs.c */
extern const struct enc_programs enc_docker_programs;

#endif
