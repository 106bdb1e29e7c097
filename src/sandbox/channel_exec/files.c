/* The exec channel: its own scripts, and files in and out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "inside.h"
#include "scripts.h"

/* ---- scripts -------------------------------------------------------------------- */

static bool on_output(void *data, enum enc_stream_id stream, const char *bytes, size_t len) {
    struct enc_script *script = data;
    struct enclave_error err = {0};
    if (stream == ENC_STDERR) {
        size_t room = sizeof script->error - 1 - script->error_len;
        size_t part = len < room ? len : room;
        memcpy(script->error + script->error_len, bytes, part);
        script->error_len += part;
        return true;
    }
    if (!script->out)
        return true;
    bool fine = enc_buf_append(script->out, bytes, len);
    if (fine && script->out->len <= script->max_out)
        return true;
    if (!fine)
        enc_fail_nomem(&err, "sandbox.get");
    script->done(script->data, script, 0, fine ? NULL : &err);
    return false;
}

static void on_exit_first(void *data) {
    (void)data; /* its pipes are its own: the end follows */
}

static void on_end(void *data, int code, const struct enclave_error *err) {
    struct enc_script *script = data;
    script->done(script->data, script, code, err);
}

static const struct enc_program_events script_events = {on_output, on_exit_first, on_end};

struct enc_script *enc_script_start(
    struct enc_exec *exec,
    const char *user,
    const char *text,
    const char *const *arguments,
    const void *input,
    size_t input_len,
    void (*done)(void *, struct enc_script *, int, const struct enclave_error *),
    void *data,
    struct enclave_error *err) {
    size_t count = 0;
    while (arguments[count])
        count++;
    ENC_AUTO_FREE const char **argv = calloc(count + 5, sizeof *argv);
    struct enc_script *script = calloc(1, sizeof *script);
    if (!argv || !script) {
        free(script);
        enc_fail_nomem(err, "sandbox");
        return NULL;
    }
    argv[0] = "/bin/sh";
    argv[1] = "-c";
    argv[2] = text;
    argv[3] = "enclave";
    memcpy(argv + 4, arguments, count * sizeof *argv);
    struct enc_program_spec spec = {.argv = argv, .cwd = "/", .user = user, .input = input != NULL};
    *script = (struct enc_script){.exec = exec, .done = done, .data = data};
    script->program = exec->programs->start(exec->sandbox, &spec, &script_events, script, err);
    if (!script->program) {
        free(script);
        return NULL;
    }
    if (input) /* the script knows its length */
        exec->programs->write(script->program, input, input_len);
    return script;
}

void enc_script_close(struct enc_script *script) {
    if (!script)
        return;
    script->exec->programs->close(script->program);
    free(script);
}

char *enc_escape_b(const char *bytes, size_t len) {
    char *text = malloc(len * 5 + 1), *at = text;
    if (!text)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c < 0x20 || c > 0x7e || c == '\\')
            at += sprintf(at, "\\0%03o", (unsigned)c);
        else
            *at++ = (char)c;
    }
    *at = '\0';
    return text;
}

char *enc_inside_path(const struct enc_sandbox *sandbox, const char *path) {
    char *whole;
    if (path[0] == '/')
        return strdup(path);
    return asprintf(&whole, "%s/%s", sandbox->config->working_dir, path) < 0 ? NULL : whole;
}

/* A script on a path, with one more argument and the length of its input. */
static struct enc_script *on_path(
    struct enc_exec *exec,
    const char *user,
    const char *text,
    const char *path,
    const char *more,
    const void *input,
    size_t len,
    void (*done)(void *, struct enc_script *, int, const struct enclave_error *),
    void *data,
    struct enclave_error *err) {
    ENC_AUTO_FREE char *whole = enc_inside_path(exec->sandbox, path);
    ENC_AUTO_FREE char *escaped = whole ? enc_escape_b(whole, strlen(whole)) : NULL;
    char size[24];
    snprintf(size, sizeof size, "%zu", len);
    const char *const arguments[] = {escaped, more, size, NULL};
    if (!escaped) {
        enc_fail_nomem(err, "sandbox.put");
        return NULL;
    }
    return enc_script_start(exec, user, text, arguments, input, len, done, data, err);
}

struct enc_script *enc_script_put(
    struct enc_exec *exec,
    const char *user,
    const char *path,
    unsigned mode,
    const void *bytes,
    size_t len,
    void (*done)(void *, struct enc_script *, int, const struct enclave_error *),
    void *data,
    struct enclave_error *err) {
    char bits[16];
    snprintf(bits, sizeof bits, "%04o", mode & 07777u);
    return on_path(exec, user, ENC_SCRIPT_PUT, path, bits, len ? bytes : "", len, done, data, err);
}

void enc_script_error(const struct enc_script *script,
                      int code,
                      const char *op,
                      const char *path,
                      struct enclave_error *err) {
    int len = (int)strcspn(script->error, "\n");
    switch (code) {
    case ENC_EXIT_MISSING:
        enc_fail(err, ENCLAVE_NOT_FOUND, op, "%.400s: no such file", path);
        break;
    case ENC_EXIT_FOLDER:
        enc_fail(err, ENCLAVE_INVALID, op, "%.400s: it is a folder", path);
        break;
    case ENC_EXIT_SPECIAL:
        enc_fail(err, ENCLAVE_INVALID, op, "%.400s: it is no regular file", path);
        break;
    default:
        enc_fail(err,
                 ENCLAVE_INVALID,
                 op,
                 "%.400s: %.*s (%d)",
                 path,
                 len ? len : 6,
                 len ? script->error : "failed",
                 code);
    }
}

/* ---- transfers ------------------------------------------------------------------ */

static void on_transferred(void *data,
                           struct enc_script *script,
                           int code,
                           const struct enclave_error *failed) {
    struct enc_transfer *transfer = data;
    struct enclave_error err = {0};
    if (failed)
        err = *failed;
    else if (code)
        enc_script_error(script,
                         code,
                         transfer->kind == ENC_GET_FILE ? "sandbox.get" : "sandbox.put",
                         transfer->path,
                         &err);
    enc_transfer_done(transfer, err.code ? &err : NULL); /* closes the script */
}

int enc_exec_transfer(struct enc_transfer *transfer, struct enclave_error *err) {
    struct enc_exec *exec = transfer->sandbox->channel_state;
    const char *user = transfer->sandbox->config->user, *path = transfer->path;
    struct enc_script *script = NULL;
    char bits[16];
    switch (transfer->kind) {
    case ENC_PUT_FILE:
        script = enc_script_put(exec,
                                user,
                                path,
                                transfer->mode ? transfer->mode : 0644,
                                transfer->bytes,
                                transfer->len,
                                on_transferred,
                                transfer,
                                err);
        break;
    case ENC_PUT_FOLDER:
        snprintf(bits, sizeof bits, "%04o", transfer->mode ? transfer->mode & 07777u : 0755u);
        script = on_path(
            exec, user, ENC_SCRIPT_FOLDER, path, bits, NULL, 0, on_transferred, transfer, err);
        break;
    case ENC_PUT_LINK: {
        ENC_AUTO_FREE char *target = enc_escape_b(transfer->bytes, transfer->len);
        if (!target)
            return enc_fail_nomem(err, "sandbox.put");
        script = on_path(
            exec, user, ENC_SCRIPT_LINK, path, target, NULL, 0, on_transferred, transfer, err);
        break;
    }
    case ENC_GET_FILE:
        script =
            on_path(exec, user, ENC_SCRIPT_GET, path, "", NULL, 0, on_transferred, transfer, err);
        if (script) {
            script->out = &transfer->got;
            script->max_out = transfer->max;
        }
        break;
    }
    transfer->channel_state = script;
    return script ? 0 : -1;
}

void enc_exec_transfer_end(struct enc_transfer *transfer) {
    enc_script_close(transfer->channel_state);
    transfer->channel_state = NULL;
}
