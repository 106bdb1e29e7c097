/* sandbox.h - one sandbox: its states, its runs and transfers, and the calls by
 * which a driver and a channel report. Uses base, loop, config.
 *
 *   initializing -> idle <-> busy -> stopping -> stopped
 *        |            |       |         ^
 *        +------------+-------+---------+   (error: it died or never came up)
 *
 * "busy" is said by the owner (a pool lends it, or a run is under way in a
 * sandbox of its own, which shows as "running" in between). */
#ifndef ENC_SANDBOX_H
#define ENC_SANDBOX_H

#include "channel.h"
#include "driver.h"
#include "list.h"
#include "run.h"

#define ENC_SANDBOX_STATES(X)                                                                      \
    X(INITIALIZING, "initializing")                                                                \
    X(RUNNING, "running")                                                                          \
    X(IDLE, "idle")                                                                                \
    X(BUSY, "busy")                                                                                \
    X(STOPPING, "stopping")                                                                        \
    X(STOPPED, "stopped")                                                                          \
    X(ERROR, "error")

enum enc_sandbox_state {
#define X(constant, name) ENC_SANDBOX_##constant,
    ENC_SANDBOX_STATES(X)
#undef X
        ENC_SANDBOX_STATE_COUNT,
};

const char *enc_sandbox_state_name(enum enc_sandbox_state state);

/* Its owner's view; each is called from the loop. */
struct enc_sandbox_events {
    /* Up and able to run. Once at most. */
    void (*on_ready)(void *data, struct enc_sandbox *sandbox);
    /* It never came up or it died. Once at most; the owner then destroys it. Its runs
     * have ended with LOST before this. */
    void (*on_broken)(void *data, struct enc_sandbox *sandbox, const struct enclave_error *err);
    /* Nothing is left of it; the pointer is invalid after this call. The last event. */
    void (*on_gone)(void *data, struct enc_sandbox *sandbox);
};

/* How many runs each level of isolation had: struct enc_run_result. */
struct enc_levels {
    uint64_t namespaces, reset, container;
};

/* What a reset found and what it cost. */
struct enc_reset_report {
    uint64_t ns;
    uint32_t processes; /* killed */
    uint32_t files;     /* removed */
    uint32_t ipc;       /* System V and POSIX objects removed */
};

typedef void enc_reset_done(void *data,
                            const struct enc_reset_report *report,
                            const struct enclave_error *err);

struct enc_sandbox {
    char id[40];
    enum enc_sandbox_state state;
    struct enc_host *host;
    struct enc_config *config;
    const struct enc_channel *channel; /* set by the driver before ready */
    void *driver_state, *channel_state;

    const struct enc_sandbox_events *events;
    void *data; /* the owner's */
    struct enc_list in_owner;

    struct enc_list runs, transfers;
    uint32_t last_run_id;
    bool dirty;         /* something ran or was put since the last reset */
    bool ready, broken; /* came up; died */
    struct enc_reset_report last_reset;
    struct enc_levels ran;      /* since the pool looked last */
    enc_reset_done *reset_done; /* NULL: no reset is under way */
    void *reset_data;
    bool reset_begun; /* false: it waits for dropped runs to end */
    struct enc_timer reset_overdue;

    bool destroying, torn_down;     /* asked for; runs and channel are closed */
    struct enc_timer teardown;      /* the turn of the loop after destroy */
    struct enclave_error end_error; /* for the runs that destroy ends */

    double created_at, updated_at; /* seconds since 1970, for people */
    uint64_t created_ns;           /* monotonic */
    uint64_t uses;                 /* how often it was lent */
    char pool[64];                 /* name of its pool, or "" */
};

/* Starts creating one. config is referenced. pool: for labels, or NULL. */
struct enc_sandbox *enc_sandbox_new(struct enc_host *host,
                                    struct enc_config *config,
                                    const char *pool,
                                    const struct enc_sandbox_events *events,
                                    void *data,
                                    struct enclave_error *err);

/* Ends its runs, transfers and reset with err (NULL: CLOSED) and removes it, beginning with
 * the next turn of the loop, so that it is safe inside any callback. on_gone follows. A second
 * call does nothing. */
void enc_sandbox_destroy(struct enc_sandbox *sandbox, const struct enclave_error *err);

void enc_sandbox_set_state(struct enc_sandbox *sandbox, enum enc_sandbox_state state);

/* Cleans it: done comes once, later. Nothing may be running, but for runs that were dropped: it
 * waits for these. One at a time. A reset that takes more than 10 s fails and the sandbox is
 * broken. -1: not possible now. */
int enc_sandbox_reset(struct enc_sandbox *sandbox,
                      enc_reset_done *done,
                      void *data,
                      struct enclave_error *err);

/* Facts for people and for GET /sandbox/{id}; a new object:
 * { id, status, type, config, created_at, updated_at, metadata }. Times are ISO 8601, UTC. */
json_t *enc_sandbox_describe(struct enc_sandbox *sandbox);

/* ---- files ------------------------------------------------------------------ */

enum enc_transfer_kind {
    ENC_PUT_FILE,   /* bytes -> path, parents are made */
    ENC_PUT_FOLDER, /* path, parents are made */
    ENC_PUT_LINK,   /* symbolic link: bytes are its target */
    ENC_GET_FILE,   /* path -> bytes */
};

struct enc_transfer;
typedef void enc_transfer_end(void *data,
                              struct enc_transfer *transfer,
                              const struct enclave_error *err);

/* One file in or out, with the rights of the sandbox's user. Paths are relative to the
 * work folder or absolute. */
struct enc_transfer {
    struct enc_sandbox *sandbox;
    struct enc_list in_sandbox;
    uint32_t id; /* shares the numbers of runs */
    enum enc_transfer_kind kind;
    char *path;
    unsigned mode;     /* put: permission bits, 0 for the default */
    const char *bytes; /* put: borrowed until done */
    size_t len;
    struct enc_buf got; /* get: may be stolen in done */
    size_t max;         /* get: more than this is INVALID */
    enc_deadline deadline;
    struct enc_timer overdue;
    bool ended;
    enc_transfer_end *done;
    void *data;
    void *channel_state;
};

/* mode 0: 0644 for files, 0755 for folders. */
struct enc_transfer *enc_sandbox_put(struct enc_sandbox *sandbox,
                                     enum enc_transfer_kind kind,
                                     const char *path,
                                     unsigned mode,
                                     const void *bytes,
                                     size_t len,
                                     enc_deadline deadline,
                                     enc_transfer_end *done,
                                     void *data,
                                     struct enclave_error *err);
struct enc_transfer *enc_sandbox_get(struct enc_sandbox *sandbox,
                                     const char *path,
                                     size_t max,
                                     enc_deadline deadline,
                                     enc_transfer_end *done,
                                     void *data,
                                     struct enclave_error *err);
/* done will not be called; what was begun may still take place. */
void enc_transfer_cancel(struct enc_transfer *transfer);

/* ---- for drivers and channels ----------------------------------------------- */

void enc_sandbox_ready(struct enc_sandbox *sandbox);
/* It died or never came up (LOST, DOCKER, PROTOCOL…): runs and transfers end with
 * this error, then the owner hears. Allowed at any time until gone; later calls and
 * calls during destroy are ignored. */
void enc_sandbox_broken(struct enc_sandbox *sandbox, const struct enclave_error *err);
void enc_sandbox_gone(struct enc_sandbox *sandbox);
void enc_transfer_done(struct enc_transfer *transfer, const struct enclave_error *err);
void enc_sandbox_was_reset(struct enc_sandbox *sandbox,
                           const struct enc_reset_report *report,
                           const struct enclave_error *err);

struct enc_run *enc_sandbox_find_run(struct enc_sandbox *sandbox, uint32_t id);
struct enc_transfer *enc_sandbox_find_transfer(struct enc_sandbox *sandbox, uint32_t id);

#endif
