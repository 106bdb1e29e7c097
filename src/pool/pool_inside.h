/* pool_inside.h - what the files of the pool share. Private to src/pool/.
 *
 * Everything that calls back (hand-over, hooks, the end of warming and closing) happens in work
 * of pool.c, one turn after enc_pool_kick: so no callback comes from inside a call. */
#ifndef ENC_POOL_INSIDE_H
#define ENC_POOL_INSIDE_H

#include "histogram.h"
#include "pool.h"

enum enc_slot_state {
    ENC_SLOT_CREATING,
    ENC_SLOT_ADMITTING, /* up, with the owner's hook */
    ENC_SLOT_IDLE,
    ENC_SLOT_BUSY,
    ENC_SLOT_LOST, /* died while lent; its borrower still holds it */
    ENC_SLOT_RESETTING,
    ENC_SLOT_LEAVING, /* the owner's hook is to be told */
    ENC_SLOT_TOLD,    /* … says goodbye */
    ENC_SLOT_GOING,   /* is being destroyed */
    ENC_SLOT_STATES,
};

/* A sandbox of the pool. */
struct enc_slot {
    struct enc_pool *pool;
    struct enc_sandbox *sandbox;
    enum enc_slot_state state;
    struct enc_list in_queue; /* idle, or leaving */
    struct enc_timer goodbye; /* limit of the retiring hook */
    uint64_t since_ns;        /* of creation, or of reset */
    bool warming;             /* one of the creations that warming waits for */
    char reason[24];
};

#define ENC_REASONS 16
struct enc_reason {
    char name[24];
    uint64_t count;
};

struct enc_totals {
    uint64_t borrowed, returned, timeouts, cancelled, exhausted, refused;
    uint64_t created, create_failed, resets, reset_failed;
    uint64_t found_processes, found_files, found_ipc; /* by resets */
    struct enc_levels ran;
    struct enc_reason retired[ENC_REASONS];
};

#define ENC_SHRINK_STEPS 8

struct enc_pool {
    struct enc_host *host;
    struct enc_loop *loop; /* the host's; an abandoned pool may outlive the host by a turn */
    const struct enc_log *log;
    struct enc_config *config;
    struct enc_pool_options options; /* with its defaults filled in */
    char name[64];
    struct enc_pool_hooks hooks;
    void *data;

    struct enc_list sandboxes; /* all, of enc_sandbox */
    struct enc_list idle, leaving;
    struct enc_list waiters;
    unsigned count[ENC_SLOT_STATES];
    unsigned waiting;
    struct enc_timer work;

    /* making sandboxes (warm.c) */
    bool started; /* someone wants sandboxes */
    bool prepared, ever_up;
    bool resting; /* trying again is useless until someone asks */
    struct enc_prepare *preparing;
    struct enc_timer retry;
    unsigned failures; /* in a row */
    uint64_t failed_ns;
    uint64_t random;
    bool refuse; /* the waiters are to be told cause */
    struct enclave_error cause;
    struct {
        bool active, begun;       /* asked for; the driver is prepared, or is not */
        unsigned left, under_way; /* creations to begin, that run … */
        unsigned up, failed;      /* … that succeeded, that failed */
        struct enclave_error err; /* the first */
        enc_progress *progress;
        void (*done)(void *data, unsigned up, const struct enclave_error *err);
        void *data;
    } warm;

    /* removing what nobody needs (shrink.c) */
    struct enc_timer shrink;
    unsigned low[ENC_SHRINK_STEPS]; /* the fewest idle ones in each of the last steps */
    unsigned step;

    bool closing, closed;
    void (*close_done)(void *data);
    void *close_data;

    struct enc_totals totals;
    struct enc_histogram wait_time, run_time, reset_time, create_time;
};

/* pool.c */
void enc_pool_kick(struct enc_pool *pool);
/* Those that wait now get err. */
void enc_pool_refuse(struct enc_pool *pool, const struct enclave_error *err);

/* slot.c */
extern const struct enc_sandbox_events enc_slot_events;
void enc_slot_set(struct enc_slot *slot, enum enc_slot_state state);
struct enc_slot *enc_slot_new(struct enc_pool *pool);
void enc_slot_free(struct enc_slot *slot);
/* It is up to be lent. */
void enc_slot_offer(struct enc_slot *slot);
void enc_slot_retire(struct enc_slot *slot, const char *reason);
void enc_slot_destroy(struct enc_slot *slot);
/* The owner's hook is told of those that leave. */
void enc_pool_tell_leaving(struct enc_pool *pool);

/* warm.c */
void enc_pool_fill(struct enc_pool *pool);
/* A creation came to its end; NULL: it is up. */
void enc_pool_created(struct enc_slot *slot, const struct enclave_error *err);
/* Making sandboxes makes no sense just now. */
void enc_pool_failed(struct enc_pool *pool, const struct enclave_error *err);
void enc_pool_check_warm(struct enc_pool *pool);
void enc_pool_stop_making(struct enc_pool *pool);
void enc_pool_retry(struct enc_timer *timer);
void enc_pool_tell_cause(struct enc_pool *pool);

/* shrink.c */
void enc_pool_note_idle(struct enc_pool *pool);
void enc_pool_shrink(struct enc_timer *timer);

/* Sandboxes that count against max_size: those that are or will be of use. */
static inline unsigned enc_pool_live(const struct enc_pool *pool) {
    const unsigned *count = pool->count;
    return count[ENC_SLOT_CREATING] + count[ENC_SLOT_ADMITTING] + count[ENC_SLOT_IDLE] +
           count[ENC_SLOT_BUSY] + count[ENC_SLOT_RESETTING];
}

#endif
