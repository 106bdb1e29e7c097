#include "config.h"

static json_t *strings(char *const *list) {
    json_t *array = json_array();
    for (; array && *list; list++)
        json_array_append_new(array, json_string(*list));
    return array;
}

static json_t *pairs(const struct enc_pair *list) {
    json_t *object = json_object();
    for (; object && list->name; list++)
        json_object_set_new(object, list->name, json_string(list->value));
    return object;
}

static json_t *volumes(const struct enc_volume *list) {
    json_t *object = json_object();
    for (; object && list->source; list++)
        json_object_set_new(
            object,
            list->source,
            json_pack("{s:s, s:s}", "bind", list->bind, "mode", list->read_only ? "ro" : "rw"));
    return object;
}

static json_t *ports(const struct enc_port *list) {
    json_t *object = json_object();
    for (; object && list->container; list++)
        json_object_set_new(
            object, list->container, json_pack("[s, i]", list->host_ip, list->host_port));
    return object;
}

static json_t *limits(const struct enc_limits *limits) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}",
                     "cpu_seconds",
                     (json_int_t)limits->cpu_seconds,
                     "memory",
                     (json_int_t)limits->memory_bytes,
                     "file_size",
                     (json_int_t)limits->file_bytes,
                     "open_files",
                     (json_int_t)limits->open_files,
                     "processes",
                     (json_int_t)limits->processes,
                     "stack",
                     (json_int_t)limits->stack_bytes);
}

json_t *enc_config_to_json(const struct enc_config *config) {
    static const char *const reuse[] = {"reset", "fresh", "keep"};
    static const char *const pull[] = {"missing", "always", "never"};
    static const char *const channel[] = {"auto", "agent", "exec"};
    json_t *json = json_pack("{s:s, s:s, s:s, s:f, s:f, s:I, s:f, s:I, s:b, s:s}",
                             "image",
                             config->image,
                             "working_dir",
                             config->working_dir,
                             "user",
                             config->user,
                             "timeout",
                             config->timeout,
                             "max_timeout",
                             config->max_timeout,
                             "memory_limit",
                             (json_int_t)config->memory_bytes,
                             "cpu_limit",
                             config->cpus,
                             "pids_limit",
                             (json_int_t)config->pids,
                             "network_enabled",
                             config->network_enabled,
                             "network",
                             config->network);
    json_t *rest = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:b, "
                             "s:s, s:s, s:s, s:I}",
                             "env_vars",
                             pairs(config->env),
                             "extra_hosts",
                             pairs(config->extra_hosts),
                             "tmpfs",
                             pairs(config->tmpfs),
                             "volumes",
                             volumes(config->volumes),
                             "ports",
                             ports(config->ports),
                             "resource_limits",
                             limits(&config->limits),
                             "cap_add",
                             strings(config->cap_add),
                             "security_opt",
                             strings(config->security_opt),
                             "preload",
                             strings(config->preload),
                             "warm",
                             strings(config->warm),
                             "privileged",
                             config->privileged,
                             "read_only",
                             config->read_only,
                             "remove_on_exit",
                             config->remove_on_exit,
                             "reuse",
                             reuse[config->reuse],
                             "pull",
                             pull[config->pull],
                             "channel",
                             channel[config->channel],
                             "max_output_size",
                             (json_int_t)config->max_output_bytes);
    int failed = !json || !rest || json_object_update(json, rest) < 0;
    json_decref(rest);
    if (!failed && config->command)
        failed |= json_object_set_new(json, "command", strings(config->command)) < 0;
    if (!failed && config->platform)
        failed |= json_object_set_new(json, "platform", json_string(config->platform)) < 0;
    if (!failed && config->runtime)
        failed |= json_object_set_new(json, "runtime", json_string(config->runtime)) < 0;
    if (failed) {
        json_decref(json);
        return NULL;
    }
    return json;
}
