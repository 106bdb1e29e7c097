/* input.h - standard input of one run: what the engine sent and the pipe has not taken
 * yet. The engine keeps to a window, so that this stays bounded; what was taken is
 * credited back. */
#ifndef AGENT_INPUT_H
#define AGENT_INPUT_H

#include "loop.h"
#include "wire.h"

struct agent;

struct input {
    struct agent *agent;
    struct loop_fd pipe; /* fd -1: closed, everything is thrown away */
    uint32_t id;
    uint8_t *queue;
    size_t at, len, cap;
    size_t free_bytes; /* of the queue: came with RUN and count for no window */
    size_t taken;      /* to be credited */
    bool more;         /* the engine has not said that it is all */
};

/* Takes the agent's end of the pipe, which ends after first unless more is to come. */
void input_open(struct input *input, int fd, const void *first, size_t len, bool more);
/* False: more than the window, or no memory. */
bool input_add(struct input *input, const void *bytes, size_t len);
void input_end(struct input *input);
void input_close(struct input *input);

#endif
