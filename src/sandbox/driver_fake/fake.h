/* fake.h - inside the fake driver: sandboxes in memory, for tests of all that is above a
 * driver. driver_fake.c makes and removes them, channel.c runs "programs" and keeps
 * files in them. Nothing is executed. */
#ifndef ENC_FAKE_H
#define ENC_FAKE_H

#include "cleanup.h"
#include "sandbox.h"

/* Options of the driver, as JSON; times in milliseconds, may have fractions. */
struct enc_fake_options {
    double create_ms, destroy_ms, reset_ms, prepare_ms;
    unsigned fail_creates;   /* the first n fail … */
    unsigned fail_resets;    /* … and so do resets */
    unsigned die_after_runs; /* each sandbox dies after so many; 0: never */
    bool never_ready;        /* creations do not end */
    bool fail_prepare;
    enum enclave_code fail_code; /* "fail_code": "docker", "not_found" …; "unavailable" */
    char fail_message[128];
};

struct enc_fake_host {
    struct enc_host base;
    struct enc_fake_options options;
    unsigned creates, resets;  /* how many were begun */
    struct enc_list sandboxes; /* of enc_fake_sandbox */
};

struct enc_fake_file {
    struct enc_list in_sandbox;
    char *path;
    unsigned mode;
    enum enc_transfer_kind kind;
    struct enc_buf bytes;
};

/* sandbox->driver_state; also serves as the channel's. */
struct enc_fake_sandbox {
    struct enc_sandbox *sandbox;
    struct enc_list in_host;
    struct enc_timer timer; /* create, reset or destroy, one after the other */
    struct enc_list files;
    unsigned runs;
};

extern const struct enc_channel enc_channel_fake;

static inline struct enc_fake_host *enc_fake_host_of(const struct enc_sandbox *sandbox) {
    return ENC_CONTAINER_OF(sandbox->host, struct enc_fake_host, base);
}

static inline enc_deadline enc_fake_in(double ms) {
    return ms > 0 ? enc_deadline_in((uint64_t)(ms * 1e6)) : 0;
}

/* NULL: there is none. */
struct enc_fake_file *enc_fake_find(struct enc_fake_sandbox *fake, const char *path);
int enc_fake_write(struct enc_fake_sandbox *fake,
                   const char *path,
                   enum enc_transfer_kind kind,
                   unsigned mode,
                   const void *bytes,
                   size_t len);
unsigned enc_fake_clear(struct enc_fake_sandbox *fake);

/* program.c: what the program prints at once, and what it does then. */
enum enc_fake_end {
    ENC_FAKE_EXIT,  /* ends with code */
    ENC_FAKE_SLEEP, /* ends after seconds */
    ENC_FAKE_HANG,  /* never ends, cannot be killed */
    ENC_FAKE_DIE,   /* the sandbox dies under it */
    ENC_FAKE_CAT,   /* ends with its input */
};
struct enc_fake_program {
    enum enc_fake_end end;
    int code;
    double seconds;
    uint64_t spam; /* so many bytes of output */
    struct enc_buf out, err;
};
/* -1: no memory. */
int enc_fake_program(struct enc_fake_sandbox *fake,
                     const struct enc_run_spec *spec,
                     struct enc_fake_program *program);

#endif
