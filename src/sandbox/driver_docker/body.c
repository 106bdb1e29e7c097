/* The create body: everything that a config asks of Docker. It is whole or not at all: a
 * container without one of its limits is worse than none. What could not be made is NULL, which
 * jansson does not put into anything, and each function hands that on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver_docker.h"

/* What the first process needs to start programs as another user, to end them, and to
 * clean after them. */
static const char *const capabilities[] = {
    "SETUID",
    "SETGID",
    "KILL",
    "SETPCAP",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "SETFCAP" /* to map root in a user namespace, where they are allowed */};

#define TMPFS_MAX (256ull << 20)
#define SHM_MAX   (64ull << 20)

/* What is written to a tmpfs counts as memory: where one alone could take all of it, the
 * program would be killed and not told that the disk is full. */
static unsigned long long place_size(const struct enc_config *config, unsigned long long most) {
    unsigned long long half = config->memory_bytes / 2;
    return half < most ? half : most;
}

static json_t *whole(json_t *json, int failed) {
    if (!failed)
        return json;
    json_decref(json);
    return NULL;
}

static json_t *pair_list(const struct enc_pair *pairs, char between) {
    json_t *list = json_array();
    int failed = 0;
    for (; pairs && pairs->name; pairs++)
        failed |=
            json_array_append_new(list, json_sprintf("%s%c%s", pairs->name, between, pairs->value));
    return whole(list, failed);
}

static json_t *strings(const char *const *first, size_t count, char *const *more) {
    json_t *list = json_array();
    int failed = 0;
    for (size_t i = 0; i < count; i++)
        failed |= json_array_append_new(list, json_string(first[i]));
    for (; more && *more; more++)
        failed |= json_array_append_new(list, json_string(*more));
    return whole(list, failed);
}

static json_t *environment(const struct enc_config *config) {
    json_t *list = pair_list(config->env, '=');
    bool has_home = false;
    int failed = 0;
    for (const struct enc_pair *pair = config->env; pair && pair->name; pair++)
        has_home |= !strcmp(pair->name, "HOME");
    if (!has_home)
        failed = json_array_append_new(list, json_sprintf("HOME=%s", config->working_dir));
    return whole(list, failed);
}

/* The work folder belongs to the user of runs, where that user is a number. */
static json_t *tmpfs(const struct enc_config *config) {
    json_t *map = json_object();
    int failed = 0;
    for (const struct enc_pair *pair = config->tmpfs; pair && pair->name; pair++) {
        char size[32] = "", owner[64] = "";
        unsigned uid, gid = 0;
        int count = sscanf(config->user, "%u:%u", &uid, &gid);
        if (!strstr(pair->value, "size="))
            snprintf(size, sizeof size, ",size=%llu", place_size(config, TMPFS_MAX));
        if (!strcmp(pair->name, config->working_dir) && count > 0 && !strstr(pair->value, "uid="))
            snprintf(owner, sizeof owner, ",uid=%u,gid=%u,mode=0755", uid, count > 1 ? gid : 0);
        failed |= json_object_set_new(
            map,
            pair->name,
            json_sprintf(
                "%s%snosuid,nodev%s%s", pair->value, *pair->value ? "," : "", size, owner));
    }
    return whole(map, failed);
}

static json_t *mounts(const struct enc_config *config) {
    json_t *list = json_array();
    int failed = 0;
    for (const struct enc_volume *volume = config->volumes; volume && volume->source; volume++)
        failed |= json_array_append_new(list,
                                        json_pack("{s:s, s:s, s:s, s:b}",
                                                  "Type",
                                                  volume->source[0] == '/' ? "bind" : "volume",
                                                  "Source",
                                                  volume->source,
                                                  "Target",
                                                  volume->bind,
                                                  "ReadOnly",
                                                  volume->read_only));
    return whole(list, failed);
}

static int add_ports(const struct enc_config *config, json_t *body, json_t *host) {
    json_t *exposed = json_object(), *bindings = json_object();
    int failed = 0;
    for (const struct enc_port *port = config->ports; port && port->container; port++) {
        failed |= json_object_set_new(exposed, port->container, json_object());
        json_t *list = json_object_get(bindings, port->container);
        if (!list && (list = json_array()))
            failed |= json_object_set_new(bindings, port->container, list);
        char number[16] = "";
        if (port->host_port)
            snprintf(number, sizeof number, "%d", port->host_port);
        failed |= json_array_append_new(
            list, json_pack("{s:s, s:s}", "HostIp", port->host_ip, "HostPort", number));
    }
    failed |= json_object_set_new(body, "ExposedPorts", exposed);
    return failed | json_object_set_new(host, "PortBindings", bindings);
}

static int add_capabilities(const struct enc_config *config, json_t *host) {
    json_t *added =
        strings(capabilities, sizeof capabilities / sizeof *capabilities, config->cap_add);
    int failed = json_object_set_new(host, "CapDrop", json_pack("[s]", "ALL"));
    return failed | json_object_set_new(host, "CapAdd", added);
}

static json_t *host_config(const struct enc_config *config) {
    json_t *host = json_pack(
        "{s:I, s:I, s:I, s:I, s:s, s:b, s:b, s:b, s:s, s:I, s:{s:s}, s:[{s:s, s:i, s:i}]}",
        "Memory",
        (json_int_t)config->memory_bytes,
        "MemorySwap",
        (json_int_t)config->memory_bytes,
        "NanoCpus",
        (json_int_t)(config->cpus * 1e9),
        "PidsLimit",
        (json_int_t)config->pids,
        "NetworkMode",
        config->network_enabled ? config->network : "none",
        "Privileged",
        config->privileged,
        "ReadonlyRootfs",
        config->read_only,
        "AutoRemove",
        config->remove_on_exit,
        "IpcMode",
        "private",
        "ShmSize",
        (json_int_t)place_size(config, SHM_MAX),
        "LogConfig",
        "Type",
        "none",
        "Ulimits",
        "Name",
        "core",
        "Soft",
        0,
        "Hard",
        0);
    static const char *const security[] = {"no-new-privileges"};
    int failed = json_object_set_new(host, "Tmpfs", tmpfs(config));
    failed |= json_object_set_new(host, "Mounts", mounts(config));
    failed |= json_object_set_new(host, "SecurityOpt", strings(security, 1, config->security_opt));
    failed |= json_object_set_new(host, "ExtraHosts", pair_list(config->extra_hosts, ':'));
    if (config->runtime)
        failed |= json_object_set_new(host, "Runtime", json_string(config->runtime));
    if (!config->privileged)
        failed |= add_capabilities(config, host);
    return whole(host, failed);
}

json_t *enc_box_body(struct enc_box *box) {
    const struct enc_sandbox *sandbox = box->sandbox;
    const struct enc_config *config = sandbox->config;
    json_t *host = host_config(config);
    json_t *body = json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:o,"
                             " s:s, s:{s:s, s:s, s:s, s:s}}",
                             "Image",
                             config->image,
                             "User",
                             "0:0",
                             "WorkingDir",
                             config->working_dir,
                             "AttachStdin",
                             1,
                             "AttachStdout",
                             1,
                             "AttachStderr",
                             1,
                             "OpenStdin",
                             1,
                             "StdinOnce",
                             1,
                             "Tty",
                             0,
                             "NetworkDisabled",
                             !config->network_enabled,
                             "HostConfig",
                             host,
                             "StopSignal", /* an engine that stops waits for others only */
                             "SIGKILL",
                             "Labels",
                             ENC_LABEL_OWNER,
                             sandbox->host->owner,
                             ENC_LABEL_VERSION,
                             ENCLAVE_VERSION,
                             ENC_LABEL_POOL,
                             sandbox->pool,
                             ENC_LABEL_SANDBOX,
                             sandbox->id);
    int failed = json_object_set_new(body, "Env", environment(config));
    /* An image's own would start processes beside the runs, and resets would end them. */
    failed |= json_object_set_new(body, "Healthcheck", json_pack("{s:[s]}", "Test", "NONE"));
    failed |= !body || add_ports(config, body, host);
    failed |= !body || box->link->describe(box, body);
    return whole(body, failed);
}

void enc_box_warned(struct enc_box *box, json_t *reply) {
    struct enc_docker_host *host = box->host;
    json_t *warning;
    size_t index;
    json_array_foreach(json_object_get(reply, "Warnings"), index, warning) {
        const char *text = json_string_value(warning);
        if (!host->warned)
            host->warned = json_object();
        /* "Your kernel does not support … PIDs limit discarded." Others tell no loss. */
        if (!text || !strstr(text, "discarded") || json_object_get(host->warned, text))
            continue;
        json_object_set(host->warned, text, warning);
        enc_log(host->base.log, ENC_LOG_WARN, "the Docker Engine leaves out a limit: %.500s", text);
    }
}
