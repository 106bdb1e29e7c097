/* A container whose first process is a small shell, for the exec channel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel_exec/channel_exec.h"
#include "channel_exec/scripts.h"
#include "driver_docker.h"

#define MAX_SAID 4096

static int exec_describe(struct enc_box *box, json_t *body) {
    const struct enc_config *config = box->sandbox->config;
    bool ours = enc_exec_owns_folder(config);
    json_t *service = json_pack("[s,s]", ours ? config->user : "", config->working_dir);
    int rc = 0;
    for (char **word = config->command; word && *word; word++)
        rc |= json_array_append_new(service, json_string(*word));
    json_t *first = json_pack("[s,s,s,s]", "/bin/sh", "-c", ENC_SCRIPT_FIRST, "enclave");
    rc |= json_object_set_new(body, "Entrypoint", first);
    rc |= json_object_set_new(body, "Cmd", service);
    return rc;
}

static void exec_started(struct enc_box *box) {
    box->stage = "start a shell in the container";
}

/* Its first words say which processes are not a run's. */
static bool exec_feed(struct enc_box *box, int stream, const char *bytes, size_t len) {
    struct enclave_error err = {0};
    int reader, service;
    char end;
    (void)stream;
    if (box->sandbox->ready || box->said.len > MAX_SAID)
        return true;
    if (!enc_buf_append(&box->said, bytes, len))
        return true;
    if (sscanf(box->said.data, "enclave %d %d%c", &reader, &service, &end) != 3)
        return true;
    enc_buf_free(&box->said);
    if (enc_channel_exec_open(box->sandbox, &enc_docker_programs, reader, service, &err))
        enc_box_fail(box, &err);
    else
        enc_sandbox_ready(box->sandbox);
    return true;
}

const struct enc_box_link enc_box_link_exec = {
    .name = "exec",
    .describe = exec_describe,
    .started = exec_started,
    .feed = exec_feed,
};
