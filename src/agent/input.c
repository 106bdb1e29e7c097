#include "input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

#define CREDIT_STEP (ENC_WIRE_WINDOW / 8)

static void close_pipe(struct input *input) {
    if (input->pipe.fd < 0)
        return;
    loop_unwatch(input->agent->loop, &input->pipe);
    close(input->pipe.fd);
    input->pipe.fd = -1;
}

static void took(struct input *input, size_t len) {
    size_t unpaid = len < input->free_bytes ? len : input->free_bytes;
    input->at += len;
    input->free_bytes -= unpaid;
    input->taken += len - unpaid;
}

static void credit(struct input *input) {
    uint8_t bytes[64];
    struct enc_wire_writer writer;
    if (input->taken == 0 || (input->taken < CREDIT_STEP && input->at < input->len))
        return;
    enc_wire_begin(&writer, bytes, sizeof bytes, ENC_WIRE_CREDIT, input->id);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_BYTE_COUNT, input->taken);
    input->taken = 0;
    conn_send_fields(&input->agent->conn, &writer);
}

/* Writes what the pipe takes. A reader that has closed its end gets nothing more, and the
 * engine need not know. */
static void pump(struct input *input) {
    while (input->pipe.fd >= 0 && input->at < input->len) {
        ssize_t len = write(input->pipe.fd, input->queue + input->at, input->len - input->at);
        if (len > 0)
            took(input, (size_t)len);
        else if (len < 0 && errno == EAGAIN)
            break;
        else if (len == 0 || errno != EINTR)
            close_pipe(input);
    }
    if (input->pipe.fd < 0)
        took(input, input->len - input->at);
    if (input->at == input->len) {
        input->at = input->len = 0;
        if (!input->more)
            close_pipe(input);
    }
    credit(input);
    if (input->pipe.fd >= 0)
        loop_watch(input->agent->loop, &input->pipe, input->len > 0 ? EPOLLOUT : 0);
}

static void pipe_ready(struct loop_fd *watch, uint32_t events) {
    struct input *input = ENC_CONTAINER_OF(watch, struct input, pipe);
    if (events & EPOLLERR) /* nobody reads any more */
        close_pipe(input);
    pump(input);
}

static bool append(struct input *input, const void *bytes, size_t len) {
    if (input->at > 0) {
        memmove(input->queue, input->queue + input->at, input->len - input->at);
        input->len -= input->at;
        input->at = 0;
    }
    if (input->len + len > input->cap) {
        uint8_t *grown = realloc(input->queue, input->len + len);
        if (!grown)
            return false;
        input->queue = grown;
        input->cap = input->len + len;
    }
    if (len > 0)
        memcpy(input->queue + input->len, bytes, len);
    input->len += len;
    return true;
}

void input_open(struct input *input, int fd, const void *first, size_t len, bool more) {
    input->pipe = (struct loop_fd){.fd = fd, .ready = pipe_ready};
    input->more = more;
    if (append(input, first, len))
        input->free_bytes = len;
    pump(input);
}

bool input_add(struct input *input, const void *bytes, size_t len) {
    if (!input->more || input->len - input->at + len > input->free_bytes + ENC_WIRE_WINDOW ||
        !append(input, bytes, len))
        return false;
    pump(input);
    return true;
}

void input_end(struct input *input) {
    input->more = false;
    pump(input);
}

void input_close(struct input *input) {
    close_pipe(input);
    free(input->queue);
    input->queue = NULL;
}
