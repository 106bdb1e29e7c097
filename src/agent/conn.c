#include "conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent.h"

#define FIRST_BUFFER (ENC_WIRE_HEADER + ENC_WIRE_DATA_MAX)

/* The engine is gone, or broke the protocol: nothing here may live on. PID 1 that ends
 * takes every process of its namespace with it. */
static void end(struct conn *conn, int status, const char *why) {
    if (why)
        dprintf(2, "agent: %s\n", why);
    loop_stop(conn->agent->loop, status);
}

static bool reserve(uint8_t **bytes, size_t *cap, size_t want) {
    if (want <= *cap)
        return true;
    size_t rounded = want < 4096 ? 4096 : want;
    uint8_t *grown = realloc(*bytes, rounded);
    if (!grown)
        return false;
    *bytes = grown;
    *cap = rounded;
    return true;
}

/* ---- out ----------------------------------------------------------------------- */

static void flush(struct conn *conn) {
    while (conn->queue_at < conn->queue_len) {
        ssize_t sent =
            write(conn->out.fd, conn->queue + conn->queue_at, conn->queue_len - conn->queue_at);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN)
            end(conn, 0, NULL);
        if (sent < 0)
            break;
        conn->queue_at += (size_t)sent;
    }
    if (conn->queue_at == conn->queue_len) {
        conn->queue_at = conn->queue_len = 0;
        if (conn->queue_cap > 2 * CONN_ROOM) { /* give back what a burst took */
            free(conn->queue);
            conn->queue = NULL;
            conn->queue_cap = 0;
        }
    }
}

/* Descriptors of a socket are one watch, those of pipes are two. */
static void watch_out(struct conn *conn) {
    bool waiting = conn->queue_len > 0;
    if (conn->is_socket)
        loop_watch(conn->agent->loop, &conn->in, waiting ? EPOLLIN | EPOLLOUT : EPOLLIN);
    else
        loop_watch(conn->agent->loop, &conn->out, waiting ? EPOLLOUT : 0);
}

static void enqueue(struct conn *conn, const uint8_t *bytes, size_t len) {
    if (len == 0)
        return;
    if (conn->queue_at > 0 && conn->queue_len + len > conn->queue_cap) {
        memmove(conn->queue, conn->queue + conn->queue_at, conn->queue_len - conn->queue_at);
        conn->queue_len -= conn->queue_at;
        conn->queue_at = 0;
    }
    if (!reserve(&conn->queue, &conn->queue_cap, conn->queue_len + len)) {
        end(conn, 1, "out of memory");
        return;
    }
    memcpy(conn->queue + conn->queue_len, bytes, len);
    conn->queue_len += len;
    if (!conn_has_room(conn))
        conn->was_full = true;
}

/* Sends at once what goes at once. */
static void send_bytes(struct conn *conn, const uint8_t *bytes, size_t len) {
    if (conn->queue_len == 0) {
        ssize_t sent;
        while ((sent = write(conn->out.fd, bytes, len)) < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN) {
            end(conn, 0, NULL);
            return;
        }
        if (sent > 0) {
            bytes += sent;
            len -= (size_t)sent;
        }
    }
    enqueue(conn, bytes, len);
    watch_out(conn);
}

void conn_send_behind(
    struct conn *conn, enum enc_wire_type type, uint32_t id, uint8_t *body, size_t len) {
    enc_wire_header(body - ENC_WIRE_HEADER, type, id, len);
    send_bytes(conn, body - ENC_WIRE_HEADER, ENC_WIRE_HEADER + len);
}

void conn_send(
    struct conn *conn, enum enc_wire_type type, uint32_t id, const void *body, size_t len) {
    uint8_t header[ENC_WIRE_HEADER];
    enc_wire_header(header, type, id, len);
    send_bytes(conn, header, sizeof header);
    if (len > 0)
        send_bytes(conn, body, len);
}

void conn_send_fields(struct conn *conn, struct enc_wire_writer *writer) {
    if (enc_wire_end(writer))
        send_bytes(conn, writer->bytes, writer->len);
    else
        end(conn, 1, "a reply that is too long");
}

void conn_log(struct conn *conn, const char *format, ...) {
    uint8_t bytes[1200];
    char line[1024];
    struct enc_wire_writer writer;
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    enc_wire_begin(&writer, bytes, sizeof bytes, ENC_WIRE_LOG, 0);
    enc_wire_put_text(&writer, ENC_WIRE_TAG_TEXT, line);
    conn_send_fields(conn, &writer);
}

static void out_ready(struct loop_fd *watch, uint32_t events) {
    struct conn *conn = ENC_CONTAINER_OF(watch, struct conn, out);
    if (events & (EPOLLERR | EPOLLHUP)) {
        end(conn, 0, NULL);
        return;
    }
    flush(conn);
    watch_out(conn);
    if (conn->was_full && conn_has_room(conn)) {
        conn->was_full = false;
        agent_room(conn->agent);
    }
}

/* ---- in ------------------------------------------------------------------------ */

/* Handles every whole frame and keeps the rest. */
static void take_frames(struct conn *conn) {
    struct enc_wire_frame frame;
    const char *reason = NULL;
    size_t at = 0, need = ENC_WIRE_HEADER;
    int state = 0;
    while ((state = enc_wire_next(
                &conn->peer, conn->got + at, conn->got_len - at, &frame, &need, &reason)) > 0) {
        agent_frame(conn->agent, &frame);
        at += ENC_WIRE_HEADER + frame.len;
    }
    if (state < 0) {
        end(conn, 2, reason);
        return;
    }
    conn->got_len -= at;
    memmove(conn->got, conn->got + at, conn->got_len);
    if (conn->got_len == 0 && conn->got_cap > FIRST_BUFFER) {
        free(conn->got);
        conn->got = NULL;
        conn->got_cap = 0;
    }
    if (!reserve(&conn->got, &conn->got_cap, need > FIRST_BUFFER ? need : FIRST_BUFFER))
        end(conn, 1, "out of memory");
}

static void in_ready(struct loop_fd *watch, uint32_t events) {
    struct conn *conn = ENC_CONTAINER_OF(watch, struct conn, in);
    if (conn->is_socket && (events & EPOLLOUT))
        out_ready(&conn->out, EPOLLOUT);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    ssize_t count = read(watch->fd, conn->got + conn->got_len, conn->got_cap - conn->got_len);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        end(conn, 0, NULL);
        return;
    }
    conn->got_len += (size_t)count;
    take_frames(conn);
}

/* Standard input beside a socket: only its end matters. */
static void life_ready(struct loop_fd *watch, uint32_t events) {
    struct conn *conn = ENC_CONTAINER_OF(watch, struct conn, life);
    char ignored[512];
    ssize_t count = read(watch->fd, ignored, sizeof ignored);
    (void)events;
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
        end(conn, 0, NULL);
}

/* ---- opening ------------------------------------------------------------------- */

static int connect_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int error, fd;
    if (!path || strlen(path) >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int conn_open(struct conn *conn, struct agent *agent, const char *socket_path) {
    uint8_t hello[64];
    struct enc_wire_writer writer;
    int fd = connect_socket(socket_path);
    if (socket_path && fd < 0)
        dprintf(2, "agent: %s: %s, using the attached stream\n", socket_path, strerror(errno));
    conn->agent = agent;
    conn->peer.way = ENC_WIRE_TO_AGENT;
    conn->is_socket = fd >= 0;
    conn->in = (struct loop_fd){.fd = fd >= 0 ? fd : 0, .ready = in_ready};
    conn->out = (struct loop_fd){.fd = fd >= 0 ? fd : 1, .ready = out_ready};
    conn->life = (struct loop_fd){.fd = 0, .ready = life_ready};
    if (!reserve(&conn->got, &conn->got_cap, FIRST_BUFFER) || set_nonblocking(conn->in.fd) < 0 ||
        set_nonblocking(conn->out.fd) < 0 || set_nonblocking(0) < 0 ||
        loop_watch(agent->loop, &conn->in, EPOLLIN) < 0 ||
        (conn->is_socket && loop_watch(agent->loop, &conn->life, EPOLLIN) < 0))
        return -1;
    enc_wire_begin(&writer, hello, sizeof hello, ENC_WIRE_HELLO, 0);
    enc_wire_put_text(&writer, ENC_WIRE_TAG_MAGIC, ENC_WIRE_MAGIC);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_VERSION, ENC_WIRE_VERSION);
    conn_send_fields(conn, &writer);
    return 0;
}
