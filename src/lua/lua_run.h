/* lua_run.h - a program that runs in a sandbox, as exec.c (to its end) and run.c (the
 * userdata Run) see it. Private to src/lua. */
#ifndef ENC_L_RUN_H
#define ENC_L_RUN_H

#include "lua_pool.h"

/* User value 1: its Sandbox. */
struct l_run {
    struct l_wait wait; /* exec's caller */
    struct enc_list in_sandbox;
    struct enc_list watchers; /* struct l_wait: of Run:read and Run:wait */
    struct enc_run *run;      /* NULL: it has ended */
    bool ended, has_result, callback_failed;
    bool takes[3]; /* by enc_stream_id: its output is wanted as it comes */
    bool keeps;    /* the result has too what was taken as it came */
    bool discard;  /* nobody will read any more */
    bool paused;
    size_t queued;
    struct enc_list chunks;
    struct enclave_error *error; /* malloc'ed; NULL with ended and no result: no memory */
    struct enc_run_result result;
};

struct l_chunk {
    struct enc_list in_run;
    enum enc_stream_id stream;
    size_t len, cap;
    char bytes[];
};

/* Starts what the table at index 2 says in the sandbox at 1. Leaves the userdata on the
 * stack. NULL: err, and nothing but what was on the stack is to be relied on. */
struct l_run *l_run_start(lua_State *L, const char *op, bool streams, struct enclave_error *err);
/* The first piece of output: pushes the bytes and gives its stream; 0: none is here. */
enum enc_stream_id l_run_take(lua_State *L, struct l_run *run);
void l_run_cancel(struct l_run *run);
/* Nobody will read: what is queued goes, and nothing is held back. */
void l_run_discard(struct l_run *run);
/* Its sandbox is given back under it. */
void l_run_abort(struct l_run *run, const char *why);
/* Pushes the result, or nil and the error with partial output; returns how many. */
int l_run_outcome(lua_State *L, struct l_run *run);
void l_run_push_result(lua_State *L, struct l_run *run);
void l_run_drop(struct l_wait *wait);

/* ---- spec.c ------------------------------------------------------------------------------- */

/* Reads the table at index 2; leaves on the stack what the spec points to. */
int l_read_spec(lua_State *L, const char *op, struct enc_run_spec *spec, struct enclave_error *err);

#endif
