/* output.h - one stream of a run: read from its pipe, sent as it comes, and past a cap
 * only counted, but for the last part, which is sent at the end. Reading rests while the
 * engine paused the run or does not take what is queued, so the program waits and
 * nothing is lost. */
#ifndef AGENT_OUTPUT_H
#define AGENT_OUTPUT_H

#include "loop.h"
#include "wire.h"

/* A larger cap is left to the engine: the last part must be kept in memory here. */
#define OUTPUT_CAP_MAX (16ull << 20)

struct agent;

struct output {
    struct agent *agent;
    struct loop_fd pipe;
    enum enc_wire_type type; /* OUTPUT or ERRORS */
    uint32_t id;
    uint64_t total, max; /* max 0: everything is sent */
    uint8_t *ring;       /* the last bytes behind max */
    size_t ring_size, ring_at, ring_len;
    bool paused, ended;
    bool last_call; /* whatever holds the pipe: when it is empty, that is the end */
    bool goes_on;   /* what holds it then may write on; that is read and thrown away */
    unsigned said;  /* which limits it spoke of: 1 << enum enc_wire_limit */
    unsigned last_pieces;
    void (*on_end)(struct output *output);
};

void output_open(struct output *output, int fd);
/* Looks again whether it may read; when it is the last call, reads what there is. */
void output_update(struct output *output);
/* Sends the last part. Once, before EXIT. */
void output_finish(struct output *output);
void output_close(struct output *output);

#endif
