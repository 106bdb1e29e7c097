/* inside.h - what the files of the exec channel share. Private to them. */
#ifndef ENC_CHANNEL_EXEC_INSIDE_H
#define ENC_CHANNEL_EXEC_INSIDE_H

#include "channel_exec.h"

struct enc_exec {
    struct enc_sandbox *sandbox;
    const struct enc_programs *programs;
    int reader, service;
    struct enc_script *reset;
    uint64_t reset_began;
};

/* A script with its output, for the channel's own needs. */
struct enc_script {
    struct enc_exec *exec;
    struct enc_program *program;
    struct enc_buf *out; /* standard output; NULL: dropped */
    size_t max_out;      /* more ends it with code 0 */
    char error[300];     /* the beginning of its standard error */
    size_t error_len;
    /* Once. err: it could not be run. The script is to be closed. */
    void (*done)(void *data, struct enc_script *script, int code, const struct enclave_error *err);
    void *data;
};

/* arguments: NULL-terminated, behind the script. input may be NULL; it is copied. */
struct enc_script *enc_script_start(
    struct enc_exec *exec,
    const char *user,
    const char *script,
    const char *const *arguments,
    const void *input,
    size_t input_len,
    void (*done)(void *, struct enc_script *, int, const struct enclave_error *),
    void *data,
    struct enclave_error *err);
void enc_script_close(struct enc_script *script);

/* Any bytes as printf's %b takes them. NULL: no memory. */
char *enc_escape_b(const char *bytes, size_t len);

/* A path inside: relative ones begin at the work folder. NULL: no memory. */
char *enc_inside_path(const struct enc_sandbox *sandbox, const char *path);

/* Writes a file as user, parents too. */
struct enc_script *enc_script_put(
    struct enc_exec *exec,
    const char *user,
    const char *path,
    unsigned mode,
    const void *bytes,
    size_t len,
    void (*done)(void *, struct enc_script *, int, const struct enclave_error *),
    void *data,
    struct enclave_error *err);

/* What a script's code means, for the error of a transfer. */
void enc_script_error(const struct enc_script *script,
                      int code,
                      const char *op,
                      const char *path,
                      struct enclave_error *err);

/* run.c, files.c: parts of the vtable. */
int enc_exec_run(struct enc_run *run, const struct enc_run_spec *spec, struct enclave_error *err);
void enc_exec_run_input(struct enc_run *run, const void *bytes, size_t len);
void enc_exec_run_input_end(struct enc_run *run);
void enc_exec_run_pause(struct enc_run *run, bool paused);
void enc_exec_run_kill(struct enc_run *run);
void enc_exec_run_end(struct enc_run *run);
int enc_exec_transfer(struct enc_transfer *transfer, struct enclave_error *err);
void enc_exec_transfer_end(struct enc_transfer *transfer);

#endif
