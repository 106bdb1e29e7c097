/* socket.h - the near way to an agent on the same host: a unix socket in a
 * folder that only root can enter and that the driver mounts into the container. One
 * connection is taken; then socket and folder are removed, before anything else can run
 * inside. Uses libuv. */
#ifndef ENC_CHANNEL_AGENT_SOCKET_H
#define ENC_CHANNEL_AGENT_SOCKET_H

#include "channel_agent.h"

struct enc_agent_socket;

struct enc_agent_socket_events {
    void (*on_open)(void *data);
    void (*on_data)(void *data, const char *bytes, size_t len);
    void (*on_drain)(void *data);
    /* It ended or broke; it must still be closed. */
    void (*on_end)(void *data);
};

/* Removes the folders of engines of this host that have died before their agents came. */
void enc_agent_socket_sweep(void);

/* Makes the folder and listens. */
struct enc_agent_socket *enc_agent_socket_listen(struct enc_loop *loop,
                                                 const struct enc_agent_socket_events *events,
                                                 void *data,
                                                 struct enclave_error *err);
/* The host's folder with the socket ENC_AGENT_SOCKET in it. */
const char *enc_agent_socket_folder(const struct enc_agent_socket *socket);

int enc_agent_socket_write(struct enc_agent_socket *socket, const void *bytes, size_t len);
size_t enc_agent_socket_queued(const struct enc_agent_socket *socket);
/* No event comes after this; NULL is allowed. */
void enc_agent_socket_close(struct enc_agent_socket *socket);

#endif
