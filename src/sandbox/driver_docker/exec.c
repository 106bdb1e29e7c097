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

/* The line that says which processes are not a run's. Complaints may stand before it: bash has
 * one about a locale that the image does not have. */
static bool find_greeting(const char *said, int *reader, int *service) {
    char end;
    for (const char *line = said; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "enclave %d %d%c", reader, service, &end) == 3)
            return true;
    }
    return false;
}

static bool exec_feed(struct enc_box *box, int stream, const char *bytes, size_t len) {
    struct enclave_error err = {0};
    int reader, service;
    (void)stream;
    if (box->sandbox->ready || box->said.len > MAX_SAID)
        return true;
    if (!enc_buf_append(&box->said, bytes, len))
        return true;
    if (!find_greeting(box->said.data, &reader, &service))
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
    .stage = "start a shell in the container",
    .feed = exec_feed,
};
