/* engine_inside.h - what the files of the engine share. Private to src/engine/. */
#ifndef ENC_ENGINE_INSIDE_H
#define ENC_ENGINE_INSIDE_H

#include "engine.h"

/* Someone who waits for an end. */
struct enc_ending {
    struct enc_list in_list;
    void (*done)(void *data);
    void *data;
};

struct enc_opened {
    struct enc_list in_engine;
    struct enc_host *host;
    char *key; /* driver and options */
};

struct enc_engine {
    struct enc_loop *loop;
    struct enc_log log;
    char owner[40];
    struct enc_list hosts, pools, creations;
    struct enc_list singles; /* sandboxes of their own */
    bool closing;
    struct enc_list endings;
    struct enc_timer settle; /* the turn after something has ended while closing */
};

/* done may be NULL: then there is nothing to remember. -1: no memory. */
int enc_ending_add(struct enc_list *list, void (*done)(void *data), void *data);
/* Calls and frees them all. The list may be on the stack: see enc_endings_take. */
void enc_endings_call(struct enc_list *list);
/* Moves them to an empty list, so that their owner can go first. */
void enc_endings_take(struct enc_list *from, struct enc_list *to);

/* Something has ended: looks, next turn, whether that was the last. */
void enc_engine_settle(struct enc_engine *engine);

/* sandboxes.c */
void enc_engine_close_sandboxes(struct enc_engine *engine);
void enc_engine_cancel_creations(struct enc_engine *engine);

#endif
