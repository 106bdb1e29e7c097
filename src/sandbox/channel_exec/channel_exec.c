/* The exec channel: its vtable, and cleaning. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "inside.h"
#include "scripts.h"

/* ---- cleaning ------------------------------------------------------------------- */

static void on_reset(void *data,
                     struct enc_script *script,
                     int code,
                     const struct enclave_error *failed) {
    struct enc_exec *exec = data;
    struct enc_sandbox *sandbox = exec->sandbox;
    struct enc_reset_report report = {.ns = enc_now() - exec->reset_began};
    struct enclave_error err = {0};
    struct enc_buf *out = script->out;
    bool understood =
        out->data && sscanf(out->data, "%u %u", &report.processes, &report.files) == 2;
    if (failed)
        err = *failed;
    else if (code || !understood)
        enc_fail(&err,
                 ENCLAVE_INTERNAL,
                 "sandbox.reset",
                 "sandbox %s could not be cleaned (%d): %s",
                 sandbox->id,
                 code,
                 script->error);
    enc_buf_free(out);
    free(out);
    enc_script_close(script);
    exec->reset = NULL;
    enc_sandbox_was_reset(sandbox, err.code ? NULL : &report, err.code ? &err : NULL);
}

static bool is_below(const char *path, const char *folder) {
    size_t len = strlen(folder);
    return !strncmp(path, folder, len) && path[len] == '/';
}

/* Whether something else is mounted below the folder, which cannot be removed. */
static bool is_nested(const struct enc_config *config, const char *folder) {
    for (const struct enc_volume *volume = config->volumes; volume && volume->source; volume++)
        if (is_below(volume->bind, folder))
            return true;
    for (const struct enc_pair *pair = config->tmpfs; pair && pair->name; pair++)
        if (is_below(pair->name, folder))
            return true;
    return false;
}

bool enc_exec_owns_folder(const struct enc_config *config) {
    for (const struct enc_pair *pair = config->tmpfs; pair && pair->name; pair++)
        if (!strcmp(pair->name, config->working_dir))
            return true;
    return false;
}

static int exec_reset(struct enc_sandbox *sandbox, struct enclave_error *err) {
    static const char *const always[] = {"/dev/shm", "/dev/mqueue"};
    struct enc_exec *exec = sandbox->channel_state;
    const struct enc_config *config = sandbox->config;
    char service[16], reader[16];
    snprintf(service, sizeof service, "%d", exec->service);
    snprintf(reader, sizeof reader, "%d", exec->reader);
    size_t places = 2, count = 0;
    for (const struct enc_pair *pair = config->tmpfs; pair && pair->name; pair++)
        places++;
    ENC_AUTO_FREE const char **arguments = calloc(2 * places + 5, sizeof *arguments);
    struct enc_buf *out = calloc(1, sizeof *out);
    if (!arguments || !out) {
        free(out);
        return enc_fail_nomem(err, "sandbox.reset");
    }
    arguments[count++] = service;
    arguments[count++] = reader;
    arguments[count++] = enc_exec_owns_folder(config) ? "0755" : "0";
    arguments[count++] = config->working_dir;
    for (const struct enc_pair *pair = config->tmpfs; pair && pair->name; pair++) {
        arguments[count++] = is_nested(config, pair->name) ? "nested" : "whole";
        arguments[count++] = pair->name;
    }
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) {
        if (enc_config_is_bound(config, always[i]))
            continue;
        arguments[count++] = "whole";
        arguments[count++] = always[i];
    }
    exec->reset_began = enc_now();
    exec->reset =
        enc_script_start(exec, "0:0", ENC_SCRIPT_RESET, arguments, NULL, 0, on_reset, exec, err);
    if (!exec->reset) {
        free(out);
        return -1;
    }
    exec->reset->out = out;
    exec->reset->max_out = 100;
    return 0;
}

/* ---- the channel ---------------------------------------------------------------- */

static void exec_close(struct enc_sandbox *sandbox) {
    struct enc_exec *exec = sandbox->channel_state;
    if (!exec)
        return;
    if (exec->reset) {
        enc_buf_free(exec->reset->out);
        free(exec->reset->out);
        enc_script_close(exec->reset);
    }
    free(exec);
    sandbox->channel_state = NULL;
}

static const struct enc_channel exec_channel = {
    .name = "exec",
    .run = enc_exec_run,
    .run_input = enc_exec_run_input,
    .run_input_end = enc_exec_run_input_end,
    .run_pause = enc_exec_run_pause,
    .run_kill = enc_exec_run_kill,
    .run_end = enc_exec_run_end,
    .transfer = enc_exec_transfer,
    .transfer_end = enc_exec_transfer_end,
    .reset = exec_reset,
    .close = exec_close,
};

int enc_channel_exec_open(struct enc_sandbox *sandbox,
                          const struct enc_programs *programs,
                          int reader,
                          int service,
                          struct enclave_error *err) {
    struct enc_exec *exec = calloc(1, sizeof *exec);
    if (!exec)
        return enc_fail_nomem(err, "sandbox.create");
    *exec = (struct enc_exec){
        .sandbox = sandbox, .programs = programs, .reader = reader, .service = service};
    sandbox->channel_state = exec;
    sandbox->channel = &exec_channel;
    return 0;
}
