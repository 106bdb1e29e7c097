#include <string.h>

#include "sandbox_inside.h"

static size_t head_of(size_t max) {
    return max - max / 2;
}

/* Writes into the ring, which is the second half of the buffer. */
static void feed_ring(struct enc_run_output *output,
                      size_t *tail_at,
                      const char *bytes,
                      size_t len) {
    size_t head = head_of(output->bytes.len);
    size_t size = output->bytes.len - head;
    char *ring = output->bytes.data + head;
    if (len > size) { /* all but the end would be overwritten at once */
        bytes += len - size;
        len = size;
    }
    if (!size)
        return;
    size_t first = size - *tail_at < len ? size - *tail_at : len;
    memcpy(ring + *tail_at, bytes, first);
    memcpy(ring, bytes + first, len - first);
    *tail_at = (*tail_at + len) % size;
}

void enc_output_feed(
    struct enc_run_output *output, size_t max, size_t *tail_at, const char *bytes, size_t len) {
    output->total += len;
    if (!output->truncated) {
        size_t room = max - output->bytes.len;
        size_t take = len < room ? len : room;
        if (take && !enc_buf_append(&output->bytes, bytes, take)) {
            /* No memory: what is stored so far has to do as head and ring. */
            output->truncated = true;
            output->cut = head_of(output->bytes.len);
            take = 0;
        }
        bytes += take;
        len -= take;
        if (!len)
            return;
        output->truncated = true;
        output->cut = head_of(output->bytes.len);
    }
    feed_ring(output, tail_at, bytes, len);
}

static void reverse(char *bytes, size_t len) {
    for (size_t i = 0; i < len / 2; i++) {
        char byte = bytes[i];
        bytes[i] = bytes[len - 1 - i];
        bytes[len - 1 - i] = byte;
    }
}

void enc_output_end(struct enc_run_output *output, size_t *tail_at) {
    if (!output->truncated || !*tail_at)
        return;
    size_t size = output->bytes.len - output->cut;
    char *ring = output->bytes.data + output->cut;
    reverse(ring, *tail_at);
    reverse(ring + *tail_at, size - *tail_at);
    reverse(ring, size);
    *tail_at = 0;
}
