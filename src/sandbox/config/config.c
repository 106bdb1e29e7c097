#include <stdlib.h>
#include <string.h>

#include "read.h"

static const char *const reuse_words[] = {"reset", "fresh", "keep", NULL};
static const char *const pull_words[] = {"missing", "always", "never", NULL};
static const char *const channel_words[] = {"auto", "agent", "exec", NULL};

#define COUNT_EXPECTED "a whole number, 0 for no limit"
#define SIZE_EXPECTED  "a number of bytes or a string such as \"512m\" or \"2g\""

/* They are told to Docker in billionths, as an integer. Of a smaller share the kernel knows
 * nothing, and a very small one would be none at all: no limit. */
#define LEAST_CPUS 0.01
#define MOST_CPUS  1000000

#define AT(member) .offset = offsetof(struct enc_config, limits.member)
static const struct enc_field limit_fields[] = {
    {"cpu_seconds", COUNT_EXPECTED, enc_read_count, AT(cpu_seconds)},
    {"memory", SIZE_EXPECTED, enc_read_limit, AT(memory_bytes), .is = "a size"},
    {"file_size", SIZE_EXPECTED, enc_read_limit, AT(file_bytes), .is = "a size"},
    {"open_files", COUNT_EXPECTED, enc_read_count, AT(open_files)},
    {"processes", COUNT_EXPECTED, enc_read_count, AT(processes)},
    {"stack", SIZE_EXPECTED, enc_read_limit, AT(stack_bytes), .is = "a size"},
    {0},
};
#undef AT

static ENC_READER(limits) {
    (void)field;
    if (!json_is_object(value) && !enc_read_is_empty(value))
        return ENC_READ_TYPE;
    return enc_read_object(limit_fields, "resource_limits.", into, value, err) < 0 ? ENC_READ_FAILED
                                                                                   : ENC_READ_OK;
}

static ENC_READER(cpus) {
    double cpus = 0;
    enum enc_read got = enc_read_number(field, &cpus, value, err);
    if (got != ENC_READ_OK)
        return got;
    if (cpus < LEAST_CPUS || cpus > MOST_CPUS)
        return ENC_READ_VALUE;
    *(double *)into = cpus;
    return ENC_READ_OK;
}

/* { username, password }. What is wrong with it is said without showing it. */
static ENC_READER(login) {
    (void)field;
    struct enc_config *config = into;
    const char *user = enc_read_text(json_object_get(value, "username"));
    const char *password = enc_read_text(json_object_get(value, "password"));
    if (!user || !*user || !password || json_object_size(value) != 2) {
        enc_fail_misuse(
            err, ENC_CONFIG_OP, "registry_auth: expected a map of username and password, strings");
        return ENC_READ_FAILED;
    }
    config->registry_user = strdup(user);
    config->registry_password = strdup(password);
    return config->registry_user && config->registry_password ? ENC_READ_OK : ENC_READ_NOMEM;
}

#define AT(member) .offset = offsetof(struct enc_config, member)
#define WHOLE      .offset = 0 /* the reader is given the config itself */
#define YES_NO     "true or false"
static const struct enc_field fields[] = {
    {"image", "the name of an image", enc_read_name, AT(image)},
    {"command",
     "a command for the shell, or a list of a program and its arguments",
     enc_read_command,
     AT(command)},
    {"working_dir", "an absolute path other than /", enc_read_folder, AT(working_dir)},
    {"env_vars", "a map of strings", enc_read_env, AT(env)},
    {"user", "a user such as \"65534:65534\", \"1000\" or \"root\"", enc_read_user, AT(user)},
    {"timeout", "a number of seconds greater than 0", enc_read_number, AT(timeout)},
    {"max_timeout", "a number of seconds greater than 0", enc_read_number, AT(max_timeout)},
    {"memory_limit", SIZE_EXPECTED, enc_read_size, AT(memory_bytes), .is = "a size"},
    {"cpu_limit", "a number from 0.01 to 1000000", enc_read_cpus, AT(cpus)},
    {"pids_limit", "a whole number greater than 0", enc_read_pids, AT(pids)},
    {"resource_limits",
     "a map of cpu_seconds, memory, file_size, open_files, processes, stack",
     enc_read_limits,
     WHOLE},
    {"network_enabled", YES_NO, enc_read_bool, AT(network_enabled)},
    {"network", "the name of a network, such as \"bridge\"", enc_read_name, AT(network)},
    {"extra_hosts", "a map of names to addresses", enc_read_hosts, AT(extra_hosts)},
    {"volumes", "a map of host paths to { bind, mode }", enc_read_volumes, AT(volumes)},
    {"ports", "a map such as { \"8080/tcp\": 8080 }", enc_read_ports, AT(ports)},
    {"platform", "a platform such as \"linux/amd64\"", enc_read_name, AT(platform)},
    {"runtime", "the name of a runtime, such as \"runsc\"", enc_read_name, AT(runtime)},
    {"privileged", YES_NO, enc_read_bool, AT(privileged)},
    {"read_only", YES_NO, enc_read_bool, AT(read_only)},
    {"tmpfs",
     "a map of absolute paths to mount options, or a list of absolute paths",
     enc_read_tmpfs,
     AT(tmpfs)},
    {"cap_add", "a list of names of capabilities", enc_read_list, AT(cap_add)},
    {"security_opt", "a list of strings", enc_read_list, AT(security_opt)},
    {"pull", "\"missing\", \"always\" or \"never\"", enc_read_word, AT(pull), .words = pull_words},
    {"registry_auth", "a map of username and password", enc_read_login, WHOLE},
    {"reuse", "\"reset\", \"fresh\" or \"keep\"", enc_read_word, AT(reuse), .words = reuse_words},
    {"channel",
     "\"auto\", \"agent\" or \"exec\"",
     enc_read_word,
     AT(channel),
     .words = channel_words},
    {"max_output_size", SIZE_EXPECTED, enc_read_size, AT(max_output_bytes), .is = "a size"},
    {"remove_on_exit", YES_NO, enc_read_bool, AT(remove_on_exit)},
    {"preload", "a list of names of modules", enc_read_list, AT(preload)},
    {"warm", "a list of interpreters, such as \"python3\"", enc_read_list, AT(warm)},
    {"pull_progress", YES_NO, enc_read_ignored_bool, WHOLE},
    {"pull_progress_interval", "a number greater than 0", enc_read_ignored_number, WHOLE},
    {"docker_executor_workers", "a number greater than 0", enc_read_ignored_number, WHOLE},
    {0},
};
#undef AT

static char **strings_of(const char *const *words, size_t count) {
    char **list = calloc(count + 1, sizeof *list);
    for (size_t i = 0; list && i < count; i++)
        if (!(list[i] = strdup(words[i]))) {
            enc_strings_free(list);
            return NULL;
        }
    return list;
}

static struct enc_config *defaults(enum enc_config_for use) {
    static const char *const modules[] = {
        "json", "re", "math", "random", "datetime", "collections"};
    struct enc_config *config = calloc(1, sizeof *config);
    if (!config)
        return NULL;
    config->refs = 1;
    config->image = strdup("python:3.11-slim");
    config->working_dir = strdup("/sandbox");
    config->env = calloc(1, sizeof *config->env);
    config->user = strdup("65534:65534");
    config->timeout = 30;
    config->memory_bytes = 512ull << 20;
    config->cpus = 1;
    config->pids = 256;
    config->network = strdup("bridge");
    config->extra_hosts = calloc(1, sizeof *config->extra_hosts);
    config->volumes = calloc(1, sizeof *config->volumes);
    config->ports = calloc(1, sizeof *config->ports);
    config->read_only = use == ENC_FOR_POOL;
    config->tmpfs = calloc(1, sizeof *config->tmpfs);
    config->cap_add = strings_of(NULL, 0);
    config->security_opt = strings_of(NULL, 0);
    config->max_output_bytes = 1ull << 20;
    config->remove_on_exit = true;
    config->preload = strings_of(modules, sizeof modules / sizeof *modules);
    config->warm = strings_of(NULL, 0);
    if (config->image && config->working_dir && config->env && config->user && config->network &&
        config->extra_hosts && config->volumes && config->ports && config->tmpfs &&
        config->cap_add && config->security_opt && config->preload && config->warm)
        return config;
    enc_config_unref(config);
    return NULL;
}

/* The places that a program can write to unless told otherwise. */
static int add_temp_places(struct enc_config *config) {
    const char *const places[] = {config->working_dir, "/tmp", "/var/tmp", "/run"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        bool taken = i == 0 && enc_config_is_bound(config, places[i]);
        for (struct enc_volume *volume = config->volumes; volume->source; volume++)
            taken = taken || strcmp(volume->bind, places[i]) == 0;
        for (struct enc_pair *pair = config->tmpfs; pair->name; pair++)
            taken = taken || strcmp(pair->name, places[i]) == 0;
        if (!taken && enc_pairs_set(&config->tmpfs, places[i], ENC_TMPFS_OPTIONS) < 0)
            return -1;
    }
    return 0;
}

/* In place, for an absolute path: "/tmp/", "//tmp" and "/var/./../tmp" become "/tmp". */
static void clean(char *path) {
    char *to = path; /* always behind what is read */
    for (const char *at = path; *at;) {
        at += strspn(at, "/");
        size_t len = strcspn(at, "/");
        if (len == 2 && at[0] == '.' && at[1] == '.') {
            while (to > path && *--to != '/')
                ;
        } else if (len && (len > 1 || *at != '.')) {
            *to++ = '/';
            memmove(to, at, len);
            to += len;
        }
        at += len;
    }
    if (to == path)
        *to++ = '/';
    *to = '\0';
}

/* One folder has one name, the one that it has for Docker: else a volume would be hidden by a
 * tmpfs of ours in the same place. */
static void clean_paths(struct enc_config *config) {
    clean(config->working_dir);
    for (struct enc_volume *volume = config->volumes; volume->source; volume++)
        clean(volume->bind);
    for (struct enc_pair *pair = config->tmpfs; pair->name; pair++)
        clean(pair->name);
}

static int complete(struct enc_config *config, json_t *given, struct enclave_error *err) {
    json_t *timeout = json_object_get(given, "timeout");
    clean_paths(config);
    if (!config->working_dir[1])
        return enc_fail(
            err,
            ENCLAVE_INVALID,
            ENC_CONFIG_OP,
            "working_dir: it is the root folder; expected an absolute path other than /");
    if (config->max_timeout == 0)
        config->max_timeout = config->timeout > 300 ? config->timeout : 300;
    if (config->timeout > config->max_timeout) {
        if (!json_is_number(timeout))
            config->timeout = config->max_timeout; /* only the longest was given */
        else
            return enc_fail(err,
                            ENCLAVE_INVALID,
                            ENC_CONFIG_OP,
                            "timeout: %g is not within max_timeout; expected at most %g",
                            config->timeout,
                            config->max_timeout);
    }
    return add_temp_places(config) < 0 ? enc_fail_nomem(err, ENC_CONFIG_OP) : 0;
}

struct enc_config *enc_config_from_json(json_t *given,
                                        enum enc_config_for use,
                                        struct enclave_error *err) {
    if (given && !json_is_null(given) && !json_is_object(given) && !enc_read_is_empty(given)) {
        enc_read_bad("sandbox_config", given, NULL, "an object of fields", true, err);
        return NULL;
    }
    struct enc_config *config = defaults(use);
    if (!config) {
        enc_fail_nomem(err, ENC_CONFIG_OP);
        return NULL;
    }
    if (enc_read_object(fields, "", config, given, err) < 0 || complete(config, given, err) < 0) {
        enc_config_unref(config);
        return NULL;
    }
    return config;
}

struct enc_config *enc_config_ref(struct enc_config *config) {
    config->refs++;
    return config;
}

void enc_config_unref(struct enc_config *config) {
    if (!config || --config->refs)
        return;
    for (struct enc_volume *volume = config->volumes; volume && volume->source; volume++) {
        free(volume->source);
        free(volume->bind);
    }
    for (struct enc_port *port = config->ports; port && port->container; port++) {
        free(port->container);
        free(port->host_ip);
    }
    free(config->volumes);
    free(config->ports);
    enc_pairs_free(config->env);
    enc_pairs_free(config->extra_hosts);
    enc_pairs_free(config->tmpfs);
    enc_strings_free(config->command);
    enc_strings_free(config->cap_add);
    enc_strings_free(config->security_opt);
    enc_strings_free(config->preload);
    enc_strings_free(config->warm);
    free(config->image);
    free(config->image_id);
    enc_strings_free(config->image_volumes);
    free(config->working_dir);
    free(config->user);
    free(config->network);
    free(config->platform);
    free(config->registry_user);
    free(config->registry_password);
    free(config->runtime);
    free(config);
}

/* The length of folder when path is that or below it; 0: it is not. */
static size_t is_below(const char *path, const char *folder) {
    size_t len = strlen(folder);
    while (len > 0 && folder[len - 1] == '/')
        len--;
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || !path[len]) ? len : 0;
}

bool enc_config_is_bound(const struct enc_config *config, const char *path) {
    size_t volumes = 0, others = 0;
    for (const struct enc_volume *volume = config->volumes; volume->source; volume++) {
        size_t len = is_below(path, volume->bind);
        volumes = len > volumes ? len : volumes;
    }
    for (const struct enc_pair *pair = config->tmpfs; pair->name; pair++) {
        size_t len = is_below(path, pair->name);
        others = len > others ? len : others;
    }
    return volumes > others;
}

static bool is_mounted(const struct enc_config *config, const char *path) {
    for (const struct enc_volume *volume = config->volumes; volume->source; volume++)
        if (!strcmp(volume->bind, path))
            return true;
    for (const struct enc_pair *pair = config->tmpfs; pair->name; pair++)
        if (!strcmp(pair->name, path))
            return true;
    return false;
}

const char *enc_config_loose_volume(const struct enc_config *config) {
    for (char **path = config->image_volumes; path && *path; path++)
        if (!is_mounted(config, *path))
            return *path;
    return NULL;
}

bool enc_config_must_replace(const struct enc_config *config) {
    return config->reuse == ENC_REUSE_RESET &&
           (!config->read_only || config->privileged || enc_config_loose_volume(config));
}
