/* loop.h - the event loop of one engine: libuv, with libcurl's multi interface
 * and one heap of deadlines on it. Uses base. Knows nothing of Docker or Lua.
 *
 * Everything on a loop happens on the thread that turns it. A callback is never
 * called from inside the function that started the operation; it is called from
 * enc_loop_turn, once, and not at all after the operation was cancelled. */
#ifndef ENC_LOOP_H
#define ENC_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "deadline.h"
#include "fail.h"

struct enc_loop;

/* borrowed: the host program's loop, or NULL for one of its own. */
struct enc_loop *enc_loop_new(uv_loop_t *borrowed, struct enclave_error *err);

/* Nothing may be pending. Turns the loop until its own handles are closed. */
void enc_loop_free(struct enc_loop *loop);

uv_loop_t *enc_loop_uv(struct enc_loop *loop);

/* Handles events that are ready; with wait, sleeps for the first one. Not to be
 * called from a callback of the loop. */
void enc_loop_turn(struct enc_loop *loop, bool wait);

/* A turn without sleep, if there was none for a while: so that a program which did something
 * else for long sees what happened meanwhile (a sandbox that died) before it asks for more. */
void enc_loop_catch_up(struct enc_loop *loop);

/* Between these two a write to what the other side has closed is an error and not SIGPIPE,
 * which would end the process. They nest; a turn is between them by itself. Only for this
 * thread, and what was blocked or pending before stays so. A host program that turns its own
 * loop has to ignore SIGPIPE, as libuv says. */
void enc_loop_enter(struct enc_loop *loop);
void enc_loop_leave(struct enc_loop *loop);

/* Closes the connections that are kept for the next request, unless one is under way. */
void enc_loop_drop_idle(struct enc_loop *loop);

/* socket(2), but that programs which the host program starts do not get it: sandboxes live as
 * long as connections do. */
int enc_loop_socket(int family, int type, int protocol);

/* Operations (timers, requests, streams) that are pending: what a test for leaks
 * looks at. */
size_t enc_loop_operations(const struct enc_loop *loop);

/* A one-shot timer, embedded in its owner; zero-initialise it. Its memory may go
 * as soon as it has fired or was stopped. */
struct enc_timer {
    enc_deadline at;
    void (*fire)(struct enc_timer *timer);
    size_t slot; /* place in the heap, from 1; 0: not started */
};

/* (Re)starts it. at = 0 fires on the next turn; ENC_NEVER only stops it. -1: no
 * memory. */
int enc_timer_start(struct enc_loop *loop, struct enc_timer *timer, enc_deadline at);

/* Harmless when it is not started. */
void enc_timer_stop(struct enc_loop *loop, struct enc_timer *timer);

#endif
