/* lua_pool.h - what pool.c, hook.c, sandbox.c and the files on runs share: the C side of
 * the userdata Pool and Sandbox. Private to src/lua. */
#ifndef ENC_L_POOL_H
#define ENC_L_POOL_H

#include "core.h"

/* Outlives its userdata: the engine's pool calls back until it is gone. */
struct l_pool {
    struct l_core *core;
    struct enc_pool *pool; /* NULL: gone */
    struct enc_list in_core;
    struct enc_list borrowed; /* struct l_sandbox, also those that wait for one */
    struct enc_list hooks;    /* struct l_hook, under way */
    struct enc_list closers;  /* struct l_wait */
    bool closing, warmed;
    bool referenced;       /* a userdata still points here */
    int created, retiring; /* registry references of the hooks, or LUA_NOREF */
    struct l_wait *warming;
    struct l_call cleanup; /* gives the references back */
};

/* The pool behind the userdata at 1 while it is open, or NULL with err. */
struct l_pool *l_pool_open(lua_State *L, const char *op, struct enclave_error *err);
int l_pool_warm(lua_State *L);
int l_pool_acquire(lua_State *L);
extern const struct enc_pool_hooks l_pool_hooks;
void l_pool_start_close(struct l_pool *pool);
/* Its sandboxes must not be touched any more. */
void l_pool_detach(struct l_pool *pool);
/* Hooks that are under way when their pool closes or has gone. */
void l_hooks_abandon(struct l_pool *pool);
void l_pools_close(struct l_core *core);
void l_pools_forget(struct l_core *core);

enum l_sandbox_kind {
    L_BORROWED, /* from a pool, to be given back */
    L_OWN,      /* made by core.sandbox */
    L_SHOWN,    /* to a hook; the pool keeps it */
};

/* The userdata Sandbox. User value 1: its Pool; 2: the table of its started runs. */
struct l_sandbox {
    struct l_wait wait; /* for getting it */
    enum l_sandbox_kind kind;
    struct enc_sandbox *sandbox; /* NULL: not yet, or no more */
    struct l_pool *pool;         /* of a borrowed or shown one */
    struct enc_list in_owner;    /* pool->borrowed or core->sandboxes */
    struct enc_list ops;         /* struct l_wait: transfers and resets that are pending */
    struct enc_list runs;        /* struct l_run that have not ended */
    struct enc_waiter waiter;
    bool queued, delivered;
    bool watched;                /* on_gone is set on one of its own */
    struct l_sandbox **shown_at; /* a hook's pointer to this userdata */
    enum enclave_code end_code;  /* why it is no more */
    char id[40];
};

struct l_sandbox *l_sandbox_new(lua_State *L, struct l_core *core, enum l_sandbox_kind kind);
void l_sandbox_got(struct l_sandbox *self, struct enc_sandbox *sandbox);
/* The pointer is dead or not ours any more: pending operations end with err. */
void l_sandbox_detach(struct l_sandbox *self, const char *why);
/* Gives it back or has it removed. */
void l_sandbox_release(struct l_sandbox *self, const char *retire, struct l_latch *latch);
void l_sandboxes_close(struct l_core *core);
/* The usable sandbox behind the userdata at 1, or NULL with err. */
struct l_sandbox *l_sandbox_open(lua_State *L, const char *op, struct enclave_error *err);

extern const luaL_Reg l_file_functions[], l_file_methods[], l_exec_methods[];

/* ---- progress.c: a callback that is called while something is waited for ------------- */

struct l_progress {
    struct l_wait *wait; /* NULL: nobody listens */
    struct enc_list events;
    unsigned count;
    bool ended;
};
void l_progress_init(struct l_progress *progress, struct l_wait *wait);
void l_progress_drop(struct l_progress *progress);
void l_progress_add(struct l_progress *progress,
                    const char *what,
                    const char *part,
                    long long current,
                    long long total);
/* Waits until progress->ended, calling the function at index fn (none: nil) for each event.
 * 1: it has ended. 0: the function failed; its error is on the top. status is that with
 * which k was called. base: how many stack slots are the caller's. */
int l_progress_wait(lua_State *L,
                    struct l_progress *progress,
                    int status,
                    int base,
                    int fn,
                    lua_KContext context,
                    lua_KFunction k);

#endif
