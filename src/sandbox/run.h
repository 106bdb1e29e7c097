/* run.h - one program run inside a sandbox: what to run, what came out, and the
 * engine's own deadline for it. The channel feeds it; it collects, caps, times
 * and tells the caller. */
#ifndef ENC_RUN_H
#define ENC_RUN_H

#include "buf.h"
#include "config/config.h"
#include "list.h"
#include "loop.h"

struct enc_sandbox;
struct enc_run;

enum enc_stream_id { ENC_STDOUT = 1, ENC_STDERR = 2 };

/* What to run; copied where it must live longer than the call. */
struct enc_run_spec {
    const char *const *argv; /* NULL-terminated, at least one */
    const char
        *warm; /* interpreter that may serve argv already running: "python3", "sh"; or NULL */
    const char *code; /* written to code_path first when code_path is set */
    size_t code_len;
    const char *code_path;  /* relative to the work folder, or absolute */
    const char *const *env; /* "NAME=value", NULL-terminated; added to the sandbox's; may be NULL */
    const char *cwd;        /* NULL: the work folder */
    const char *user;       /* NULL: the sandbox's */
    const void *stdin_data;
    size_t stdin_len;
    bool stdin_open;          /* more comes by enc_run_input, until enc_run_input_end */
    enc_deadline deadline;    /* ENC_NEVER: the config's default timeout; at most max_timeout */
    uint64_t max_output;      /* bytes a stream; 0: the config's */
    struct enc_limits limits; /* on top of the config's: the smaller holds */
};

/* So many bytes of a stream a result holds at most, whatever was asked for: it is the engine's
 * memory, and over HTTP strangers ask. */
#define ENC_RUN_OUTPUT_MOST (64u << 20)

enum enc_run_status {
    ENC_RUN_EXITED,
    ENC_RUN_SIGNALED,
    ENC_RUN_TIMEOUT,   /* its deadline passed and it was killed */
    ENC_RUN_CANCELLED, /* killed on request */
};

struct enc_run_output {
    struct enc_buf bytes; /* the first part, and the last part when truncated */
    uint64_t total;       /* bytes that the program wrote */
    bool truncated;
    size_t cut; /* when truncated: where in bytes the last part begins */
};

struct enc_run_result {
    enum enc_run_status status;
    int exit_code;     /* -1: there is none (killed, or not known) */
    int term_signal;   /* 0: none */
    const char *limit; /* "time", "cpu", "memory", "output", "pids", "disk", "files", or NULL: the
                          limit that fired */
    const char *isolation; /* "namespaces", "reset", "container": what kept it apart */
    bool warm;             /* served by a warm interpreter */
    bool oom_killed;
    uint64_t wall_ns, user_ns, system_ns; /* 0 when the channel cannot know */
    uint64_t peak_memory;                 /* bytes, 0 when unknown */
    struct enc_run_output out, err;
};

struct enc_run_events {
    /* Output as it comes, before the cap; may be NULL. After enc_run_pause it
     * stops soon. */
    void (*on_output)(void *data, enum enc_stream_id stream, const char *bytes, size_t len);
    /* Once, unless the run was dropped. Either result (the buffers may be stolen) or err
     * (LOST, PROTOCOL, CLOSED; result then holds the partial output, exit -1). */
    void (*on_done)(void *data, struct enc_run_result *result, const struct enclave_error *err);
};

/* Starts it. NULL: the sandbox cannot run anything (CLOSED, LOST, INVALID). */
struct enc_run *enc_run_start(struct enc_sandbox *sandbox,
                              const struct enc_run_spec *spec,
                              const struct enc_run_events *events,
                              void *data,
                              struct enclave_error *err);

/* The sandbox must be busy with it. -1: the run has no open input. */
int enc_run_input(struct enc_run *run, const void *bytes, size_t len, struct enclave_error *err);
void enc_run_input_end(struct enc_run *run);

/* Back-pressure of a streaming reader. */
void enc_run_pause(struct enc_run *run, bool paused);

/* Kills it; on_done comes with ENC_RUN_CANCELLED, at the latest a second later: when the
 * channel does not end it by then, the engine does, and declares the sandbox broken. */
void enc_run_cancel(struct enc_run *run);

/* Kills it and forgets it: no event comes after this, and the pointer is dead. The
 * sandbox keeps it until it has ended, and a reset waits for that. */
void enc_run_drop(struct enc_run *run);

/* ---- for channels ---------------------------------------------------------- */

struct enc_run {
    struct enc_sandbox *sandbox;
    struct enc_list in_sandbox; /* sandbox->runs */
    uint32_t id;                /* unique in its sandbox, from 1 */
    const struct enc_run_events *events;
    void *data;
    enc_deadline deadline;    /* when the program is to end */
    struct enc_timer overdue; /* the engine's own guard, some time after the deadline */
    uint64_t max_output;
    uint64_t started_ns;
    bool input_open;
    bool killed; /* the engine had it killed; what ends it now is that */
    bool cancelled, dropped, done;
    size_t tail_at[2]; /* where the ring of each stream's last part begins */
    struct enc_run_result result;
    void *channel_state; /* the channel's, freed by it in run_end */
};

/* What the program wrote. The channel may feed more than the cap. The run is still there
 * afterwards, whatever the caller did: enc_run_drop only marks it, and a sandbox that is
 * destroyed ends its runs on the next turn of the loop. */
void enc_run_feed(struct enc_run *run, enum enc_stream_id stream, const char *bytes, size_t len);

/* The program ended; run->result was filled in by the channel, but for the output. Calls
 * run_end; the run is gone after this and after enc_run_fail. */
void enc_run_finish(struct enc_run *run);

/* It will never end properly; what came so far is kept. */
void enc_run_fail(struct enc_run *run, const struct enclave_error *err);

#endif
