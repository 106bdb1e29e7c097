/* programs.h - a way to start programs inside a sandbox from outside, one by one, which a
 * driver lends to the exec channel. It reports when the output has ended and with what
 * code the program did; it knows no deadlines and no tree of processes. */
#ifndef ENC_PROGRAMS_H
#define ENC_PROGRAMS_H

#include "sandbox.h"

struct enc_program; /* the driver's */

struct enc_program_spec {
    const char *const *argv; /* NULL-terminated */
    const char *const *env;  /* added to the sandbox's; may be NULL */
    const char *cwd;         /* NULL: the work folder */
    const char *user;
    bool input; /* its standard input will be written; false: it is empty */
};

struct enc_program_events {
    /* False: the program was closed, nothing of it may be touched. */
    bool (*on_output)(void *data, enum enc_stream_id stream, const char *bytes, size_t len);
    /* The program itself has ended but something still holds its output open. May come
     * once, before on_end. */
    void (*on_exit)(void *data);
    /* Last: it ended with this code, or err. It must still be closed. */
    void (*on_end)(void *data, int code, const struct enclave_error *err);
};

struct enc_programs {
    /* Nothing is called back before it returned. */
    struct enc_program *(*start)(struct enc_sandbox *sandbox,
                                 const struct enc_program_spec *spec,
                                 const struct enc_program_events *events,
                                 void *data,
                                 struct enclave_error *err);
    void (*write)(struct enc_program *program, const void *bytes, size_t len);
    void (*write_end)(struct enc_program *program);
    void (*pause)(struct enc_program *program, bool paused);
    /* The program ended long ago: take what came as all of its output; on_end follows
     * later. */
    void (*cut)(struct enc_program *program);
    /* Frees it; nothing is called back. The program itself goes on. NULL is allowed. */
    void (*close)(struct enc_program *program);
};

#endif
