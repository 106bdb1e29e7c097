/* conn.h - the agent's connection to its engine: bytes in, frames out of them; frames
 * out, queued when the engine does not take them. By a unix socket in a folder that the
 * engine has mounted, or by standard input and output. In both cases the end of standard
 * input is the end of the agent, and so is the end of the socket. */
#ifndef AGENT_CONN_H
#define AGENT_CONN_H

#include "loop.h"
#include "wire.h"

/* As long as less than this is queued, programs' output is read. */
#define CONN_ROOM (192u * 1024)

struct agent;

struct conn {
    struct agent *agent;
    struct loop_fd in, out, life; /* out is the same descriptor as in for a socket; life is
                                     standard input then */
    bool is_socket;
    struct enc_wire_peer peer;
    uint8_t *got; /* received and not handled */
    size_t got_len, got_cap;
    uint8_t *queue; /* to be sent: from queue_at */
    size_t queue_at, queue_len, queue_cap;
    bool was_full;
};

/* Connects to socket_path, or uses standard input and output when that is NULL or
 * cannot be reached; says hello. -1: errno. */
int conn_open(struct conn *conn, struct agent *agent, const char *socket_path);

/* Queues or sends a header and what follows it. */
void conn_send(
    struct conn *conn, enum enc_wire_type type, uint32_t id, const void *body, size_t len);
/* As conn_send, for a body with ENC_WIRE_HEADER free bytes before it: one write. */
void conn_send_behind(
    struct conn *conn, enum enc_wire_type type, uint32_t id, uint8_t *body, size_t len);
/* Sends a frame of fields that was written. */
void conn_send_fields(struct conn *conn, struct enc_wire_writer *writer);

__attribute__((format(printf, 2, 3))) void conn_log(struct conn *conn, const char *format, ...);

static inline bool conn_has_room(const struct conn *conn) {
    return conn->queue_len - conn->queue_at < CONN_ROOM;
}

#endif
