#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

#define LAST_PIECES 64

/* What is left of a stream when its run is over and its children are not: a pipe that nobody read
 * would end them with what they write next. */
struct drain {
    struct agent *agent;
    struct loop_fd pipe;
};

static void drain_ready(struct loop_fd *watch, uint32_t events) {
    struct drain *drain = ENC_CONTAINER_OF(watch, struct drain, pipe);
    ssize_t len = read(watch->fd, drain->agent->piece, sizeof drain->agent->piece);
    (void)events;
    if (len > 0 || (len < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    loop_unwatch(drain->agent->loop, watch);
    close(watch->fd);
    free(drain);
}

/* The pipe is the drain's. False: no memory. */
static bool drain_open(struct agent *agent, int fd) {
    struct drain *drain = malloc(sizeof *drain);
    if (!drain)
        return false;
    *drain = (struct drain){.agent = agent, .pipe = {.fd = fd, .ready = drain_ready}};
    if (loop_watch(agent->loop, &drain->pipe, EPOLLIN) == 0)
        return true;
    free(drain);
    return false;
}

static void end(struct output *output) {
    if (output->ended)
        return;
    output->ended = true;
    loop_unwatch(output->agent->loop, &output->pipe);
    if (!output->last_call || !output->goes_on || !drain_open(output->agent, output->pipe.fd))
        close(output->pipe.fd);
    output->pipe.fd = -1;
    output->on_end(output);
}

static bool is_past_cap(const struct output *output) {
    return output->max > 0 && output->total >= output->max;
}

static bool may_read(const struct output *output) {
    return !output->ended && !output->paused &&
           (is_past_cap(output) || conn_has_room(&output->agent->conn));
}

static void keep_last(struct output *output, const uint8_t *bytes, size_t len) {
    if (!output->ring) {
        output->ring_size = (size_t)(output->max / 2);
        output->ring = output->ring_size > 0 ? malloc(output->ring_size) : NULL;
    }
    if (!output->ring)
        return;
    if (len > output->ring_size) {
        bytes += len - output->ring_size;
        len = output->ring_size;
    }
    size_t first = output->ring_size - output->ring_at;
    if (first > len)
        first = len;
    memcpy(output->ring + output->ring_at, bytes, first);
    memcpy(output->ring, bytes + first, len - first);
    output->ring_at = (output->ring_at + len) % output->ring_size;
    output->ring_len += len;
    if (output->ring_len > output->ring_size)
        output->ring_len = output->ring_size;
}

/* What is exhausted without the kernel telling the agent: programs say it in these words. */
static void look_for_limits(struct output *output, const uint8_t *bytes, size_t len) {
    static const struct {
        enum enc_wire_limit limit;
        const char *words;
    } sayings[] = {
        {ENC_WIRE_LIMIT_FILES, "Too many open files"},
        {ENC_WIRE_LIMIT_DISK, "No space left on device"},
        {ENC_WIRE_LIMIT_DISK, "File too large"},
        {ENC_WIRE_LIMIT_MEMORY, "MemoryError"},
        {ENC_WIRE_LIMIT_MEMORY, "annot allocate memory"},
        {ENC_WIRE_LIMIT_MEMORY, "bad_alloc"},
        {ENC_WIRE_LIMIT_PIDS, "Resource temporarily unavailable"},
        {ENC_WIRE_LIMIT_PIDS, "can't start new thread"},
    };
    for (size_t i = 0; i < sizeof sayings / sizeof *sayings; i++) {
        if (memmem(bytes, len, sayings[i].words, strlen(sayings[i].words)))
            output->said |= 1u << sayings[i].limit;
    }
}

/* bytes lie behind a free header. */
static void take(struct output *output, uint8_t *bytes, size_t len) {
    size_t head = len;
    if (output->max > 0) {
        uint64_t room = is_past_cap(output) ? 0 : output->max - output->total;
        head = len < room ? len : (size_t)room;
    }
    if (output->type == ENC_WIRE_ERRORS)
        look_for_limits(output, bytes, len);
    output->total += len;
    if (head < len)
        keep_last(output, bytes + head, len - head);
    if (head > 0)
        conn_send_behind(&output->agent->conn, output->type, output->id, bytes, head);
}

/* One piece. False: there is nothing more for now. */
static bool read_piece(struct output *output) {
    uint8_t *piece = output->agent->piece + ENC_WIRE_HEADER;
    ssize_t len = read(output->pipe.fd, piece, ENC_WIRE_DATA_MAX);
    if (len > 0) {
        take(output, piece, (size_t)len);
        return true;
    }
    if (len < 0 && errno == EINTR)
        return true;
    if (len == 0 || errno != EAGAIN || output->last_call)
        end(output);
    return false;
}

/* Takes what is there, and then no more: what still writes now is not this run's. */
static void read_rest(struct output *output) {
    while (may_read(output) && read_piece(output)) {
        if (++output->last_pieces == LAST_PIECES)
            end(output);
    }
}

static void pipe_ready(struct loop_fd *watch, uint32_t events) {
    struct output *output = ENC_CONTAINER_OF(watch, struct output, pipe);
    (void)events;
    if (may_read(output) && output->last_call)
        read_rest(output);
    else if (may_read(output))
        read_piece(output);
    else
        loop_unwatch(output->agent->loop, watch);
}

void output_open(struct output *output, int fd) {
    output->pipe = (struct loop_fd){.fd = fd, .ready = pipe_ready};
    if (output->max > OUTPUT_CAP_MAX)
        output->max = 0;
    output_update(output);
}

void output_update(struct output *output) {
    if (!may_read(output)) {
        if (!output->ended)
            loop_unwatch(output->agent->loop, &output->pipe);
        return;
    }
    if (loop_watch(output->agent->loop, &output->pipe, EPOLLIN) < 0)
        end(output);
    else if (output->last_call)
        read_rest(output);
}

void output_finish(struct output *output) {
    struct conn *conn = &output->agent->conn;
    size_t start = output->ring_len < output->ring_size ? 0 : output->ring_at;
    size_t left = output->ring_len;
    while (left > 0) {
        size_t len = output->ring_size - start;
        len = len < left ? len : left;
        len = len < ENC_WIRE_DATA_MAX ? len : ENC_WIRE_DATA_MAX;
        conn_send(conn, output->type, output->id, output->ring + start, len);
        start = (start + len) % output->ring_size;
        left -= len;
    }
    output->ring_len = 0;
}

void output_close(struct output *output) {
    if (!output->ended && output->pipe.fd >= 0) {
        loop_unwatch(output->agent->loop, &output->pipe);
        close(output->pipe.fd);
    }
    output->ended = true;
    free(output->ring);
    output->ring = NULL;
}
