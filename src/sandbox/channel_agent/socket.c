#include "socket.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent_volume.h"
#include "owner.h"

#define PIECE   (64u * 1024)
#define PREFIX  "enclave-" /* then the owner and mkdtemp's six characters */
#define PARENTS 3

struct enc_agent_socket {
    const struct enc_agent_socket_events *events; /* NULL: closed */
    void *data;
    struct enc_loop *loop;
    uv_pipe_t listener, stream;
    bool listening, connected;
    unsigned open; /* handles that are not closed */
    char folder[96], path[104];
    char piece[PIECE];
};

struct write {
    uv_write_t request;
    struct enc_agent_socket *socket;
    char bytes[];
};

static void remove_files(struct enc_agent_socket *socket) {
    if (!socket->folder[0])
        return;
    unlink(socket->path);
    rmdir(socket->folder);
    socket->folder[0] = '\0';
}

static void on_closed(uv_handle_t *handle) {
    struct enc_agent_socket *socket = handle->data;
    if (--socket->open == 0)
        free(socket);
}

static void close_listener(struct enc_agent_socket *socket) {
    if (socket->listening)
        uv_close((uv_handle_t *)&socket->listener, on_closed);
    socket->listening = false;
    remove_files(socket);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf) {
    struct enc_agent_socket *socket = handle->data;
    (void)size;
    *buf = uv_buf_init(socket->piece, PIECE);
}

static void end(struct enc_agent_socket *socket) {
    if (socket->events)
        socket->events->on_end(socket->data);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf) {
    struct enc_agent_socket *socket = stream->data;
    if (!socket->events || len == 0)
        return;
    if (len > 0) {
        socket->events->on_data(socket->data, buf->base, (size_t)len);
        return;
    }
    uv_read_stop(stream);
    end(socket);
}

static void on_connection(uv_stream_t *listener, int status) {
    struct enc_agent_socket *socket = listener->data;
    if (!socket->events || socket->connected)
        return;
    if (status < 0 || uv_accept(listener, (uv_stream_t *)&socket->stream) < 0)
        return; /* the agent then uses the attached stream */
    socket->connected = true;
    close_listener(socket);
    if (uv_read_start((uv_stream_t *)&socket->stream, on_alloc, on_read) < 0)
        end(socket);
    else
        socket->events->on_open(socket->data);
}

/* A service's own folder comes first: the rest of /run may be closed to it. */
static void find_parents(const char *parents[PARENTS]) {
    const char *own = getenv("RUNTIME_DIRECTORY");
    parents[0] = own && own[0] == '/' ? own : "/run";
    parents[1] = "/run";
    parents[2] = "/tmp";
}

static int make_folder(struct enc_agent_socket *socket) {
    const char *parents[PARENTS];
    char owner[40];
    find_parents(parents);
    enc_owner_make(owner);
    for (size_t i = 0; i < PARENTS; i++) {
        int len = snprintf(
            socket->folder, sizeof socket->folder, "%s/" PREFIX "%s-XXXXXX", parents[i], owner);
        if (len < (int)sizeof socket->folder && access(parents[i], W_OK) == 0 &&
            mkdtemp(socket->folder)) {
            snprintf(socket->path, sizeof socket->path, "%s/" ENC_AGENT_SOCKET, socket->folder);
            return 0;
        }
    }
    socket->folder[0] = '\0';
    return -1;
}

/* Others may make entries of such names in /tmp: only a folder of this user's is removed. */
static void sweep_entry(int parent, const char *name) {
    char owner[40];
    struct stat status;
    size_t prefix = strlen(PREFIX), len = strlen(name);
    if (strncmp(name, PREFIX, prefix) != 0 || len < prefix + 8 || len - prefix - 7 >= sizeof owner)
        return;
    snprintf(owner, sizeof owner, "%.*s", (int)(len - prefix - 7), name + prefix);
    if (!enc_owner_is_dead(owner) || fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISDIR(status.st_mode) || status.st_uid != geteuid())
        return;
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return;
    unlinkat(folder, ENC_AGENT_SOCKET, 0);
    close(folder);
    unlinkat(parent, name, AT_REMOVEDIR);
}

void enc_agent_socket_sweep(void) {
    const char *parents[PARENTS];
    struct dirent *entry;
    find_parents(parents);
    for (size_t i = 0; i < PARENTS; i++) {
        DIR *parent = opendir(parents[i]);
        while (parent && (entry = readdir(parent)))
            sweep_entry(dirfd(parent), entry->d_name);
        if (parent)
            closedir(parent);
    }
}

struct enc_agent_socket *enc_agent_socket_listen(struct enc_loop *loop,
                                                 const struct enc_agent_socket_events *events,
                                                 void *data,
                                                 struct enclave_error *err) {
    struct enc_agent_socket *socket = calloc(1, sizeof *socket);
    uv_loop_t *uv = enc_loop_uv(loop);
    if (!socket || make_folder(socket) < 0) {
        free(socket);
        enc_fail(err, ENCLAVE_INTERNAL, "agent.socket", "cannot make a folder in /run or /tmp");
        return NULL;
    }
    socket->events = events;
    socket->data = data;
    socket->loop = loop;
    uv_pipe_init(uv, &socket->listener, 0);
    uv_pipe_init(uv, &socket->stream, 0);
    socket->listener.data = socket->stream.data = socket;
    socket->listening = true;
    socket->open = 2;
    if (uv_pipe_bind(&socket->listener, socket->path) < 0 ||
        uv_listen((uv_stream_t *)&socket->listener, 1, on_connection) < 0) {
        enc_fail(err, ENCLAVE_INTERNAL, "agent.socket", "cannot listen at %s", socket->path);
        enc_agent_socket_close(socket);
        return NULL;
    }
    return socket;
}

const char *enc_agent_socket_folder(const struct enc_agent_socket *socket) {
    return socket->folder;
}

static void on_written(uv_write_t *request, int status) {
    struct write *write = ENC_CONTAINER_OF(request, struct write, request);
    struct enc_agent_socket *socket = write->socket;
    free(write);
    if (!socket->events || status < 0) /* an end is told by the reader */
        return;
    if (enc_agent_socket_queued(socket) == 0)
        socket->events->on_drain(socket->data);
}

/* What the kernel does not take now is queued. */
static int send_or_queue(struct enc_agent_socket *socket, const void *bytes, size_t len) {
    uv_stream_t *stream = (uv_stream_t *)&socket->stream;
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)len);
    int done = uv_try_write(stream, &buf, 1); /* UV_EAGAIN behind a queue */
    if (done < 0 && done != UV_EAGAIN)
        return -1;
    size_t sent = done > 0 ? (size_t)done : 0;
    if (sent == len)
        return 0;
    struct write *write = malloc(sizeof *write + (len - sent));
    if (!write)
        return -1;
    memcpy(write->bytes, (const char *)bytes + sent, len - sent);
    write->socket = socket;
    buf = uv_buf_init(write->bytes, (unsigned)(len - sent));
    if (uv_write(&write->request, stream, &buf, 1, on_written) < 0) {
        free(write);
        return -1;
    }
    return 0;
}

int enc_agent_socket_write(struct enc_agent_socket *socket, const void *bytes, size_t len) {
    if (!socket->connected)
        return -1;
    enc_loop_enter(socket->loop);
    int rc = send_or_queue(socket, bytes, len);
    enc_loop_leave(socket->loop);
    return rc;
}

size_t enc_agent_socket_queued(const struct enc_agent_socket *socket) {
    return uv_stream_get_write_queue_size((const uv_stream_t *)&socket->stream);
}

void enc_agent_socket_close(struct enc_agent_socket *socket) {
    if (!socket)
        return;
    socket->events = NULL;
    close_listener(socket);
    uv_close((uv_handle_t *)&socket->stream, on_closed);
}
