#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "read.h"

/* The path of an entry: volumes["/data"]. */
static const char *entry(char path[160],
                         const struct enc_field *field,
                         const char *key,
                         const char *rest) {
    snprintf(path, 160, "%s[\"%.100s\"]%s", field->name, key, rest);
    return path;
}

static size_t count_pairs(const struct enc_pair *pairs) {
    size_t count = 0;
    while (pairs && pairs[count].name)
        count++;
    return count;
}

int enc_pairs_set(struct enc_pair **pairs, const char *name, const char *value) {
    size_t count = count_pairs(*pairs);
    char *copy = strdup(value);
    if (!copy)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (strcmp((*pairs)[i].name, name) == 0) { /* NOLINT: only the last has no name */
            free((*pairs)[i].value);
            (*pairs)[i].value = copy;
            return 0;
        }
    char *key = strdup(name);
    struct enc_pair *grown = key ? realloc(*pairs, (count + 2) * sizeof *grown) : NULL;
    if (!grown) {
        free(copy);
        free(key);
        return -1;
    }
    grown[count] = (struct enc_pair){key, copy};
    grown[count + 1] = (struct enc_pair){0};
    *pairs = grown;
    return 0;
}

void enc_pairs_free(struct enc_pair *pairs) {
    for (struct enc_pair *pair = pairs; pair && pair->name; pair++) {
        free(pair->name);
        free(pair->value);
    }
    free(pairs);
}

void enc_strings_free(char **strings) {
    for (char **string = strings; string && *string; string++)
        free(*string);
    free(strings);
}

static enum enc_read keep_strings(char ***into, char **strings) {
    enc_strings_free(*into);
    *into = strings;
    return ENC_READ_OK;
}

static enum enc_read strings(const struct enc_field *field,
                             char ***into,
                             json_t *value,
                             struct enclave_error *err) {
    if (!json_is_array(value) && !enc_read_is_empty(value))
        return ENC_READ_TYPE;
    size_t count = json_array_size(value);
    char **list = calloc(count + 1, sizeof *list);
    if (!list)
        return ENC_READ_NOMEM;
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_array_get(value, i);
        const char *text = enc_read_text(item);
        if (!text) {
            char path[64];
            snprintf(path, sizeof path, "%s[%zu]", field->name, i + 1);
            enc_strings_free(list);
            return enc_read_bad(path, item, NULL, "a string", !json_is_string(item), err);
        }
        if (!(list[i] = strdup(text))) {
            enc_strings_free(list);
            return ENC_READ_NOMEM;
        }
    }
    return keep_strings(into, list);
}

ENC_READER(list) {
    char **list = NULL;
    enum enc_read got = strings(field, &list, value, err);
    if (got != ENC_READ_OK)
        return got;
    for (size_t i = 0; list[i]; i++)
        if (!*list[i]) {
            enc_strings_free(list);
            return ENC_READ_VALUE;
        }
    return keep_strings(into, list);
}

/* A string is for the shell, a list is taken as it is; nothing in it means none. */
ENC_READER(command) {
    char **argv = NULL;
    if (json_is_string(value)) {
        const char *text = enc_read_text(value);
        if (!text)
            return ENC_READ_VALUE;
        json_t *list = *text ? json_pack("[sss]", "/bin/sh", "-c", text) : json_array();
        enum enc_read got = list ? strings(field, &argv, list, err) : ENC_READ_NOMEM;
        json_decref(list);
        if (got != ENC_READ_OK)
            return got;
    } else {
        enum enc_read got = strings(field, &argv, value, err);
        if (got != ENC_READ_OK)
            return got;
        if (argv[0] && !*argv[0]) { /* NOLINT: it is set when all is well */
            enc_strings_free(argv);
            return ENC_READ_VALUE;
        }
    }
    if (!argv[0]) {
        free(argv);
        argv = NULL;
    }
    return keep_strings(into, argv);
}

static bool is_map(json_t *value) {
    return json_is_object(value) || enc_read_is_empty(value);
}

/* A map of strings; fits says whether a pair can be used. */
static enum enc_read pairs(const struct enc_field *field,
                           struct enc_pair **into,
                           json_t *map,
                           bool (*fits)(const char *name, const char *value),
                           const char *expected,
                           struct enclave_error *err) {
    const char *name;
    json_t *value;
    char path[160];
    json_object_foreach(map, name, value) {
        const char *text = enc_read_text(value);
        if (!text || !fits(name, text))
            return enc_read_bad(
                entry(path, field, name, ""), value, NULL, expected, !json_is_string(value), err);
        if (enc_pairs_set(into, name, text) < 0)
            return ENC_READ_NOMEM;
    }
    return ENC_READ_OK;
}

static bool fits_env(const char *name, const char *value) {
    (void)value;
    return *name && !strchr(name, '=');
}

ENC_READER(env) {
    if (!is_map(value))
        return ENC_READ_TYPE;
    return pairs(field, into, value, fits_env, "a string, under a name without \"=\"", err);
}

static bool has_space(const char *text) {
    for (; *text; text++)
        if (isspace((unsigned char)*text))
            return true;
    return false;
}

static bool fits_host(const char *name, const char *value) {
    return *name && *value && !has_space(name) && !strchr(name, ':') && !has_space(value);
}

ENC_READER(hosts) {
    if (!is_map(value))
        return ENC_READ_TYPE;
    return pairs(field, into, value, fits_host, "an address, as a string", err);
}

static bool fits_tmpfs(const char *path, const char *options) {
    return enc_is_absolute(path) && path[1] && !has_space(options);
}

ENC_READER(tmpfs) {
    static const char expected[] = "mount options such as \"size=64m\", for an absolute path";
    if (is_map(value))
        return pairs(field, into, value, fits_tmpfs, expected, err);
    if (!json_is_array(value))
        return ENC_READ_TYPE;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *path = enc_read_text(json_array_get(value, i));
        if (!path)
            return ENC_READ_TYPE;
        if (!fits_tmpfs(path, ""))
            return ENC_READ_VALUE;
        if (enc_pairs_set(into, path, ENC_TMPFS_OPTIONS) < 0)
            return ENC_READ_NOMEM;
    }
    return ENC_READ_OK;
}

/* The name of a volume, as Docker has them. */
static bool is_volume_name(const char *name) {
    if (!isalnum((unsigned char)*name))
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("_.-", *name))
            return false;
    return true;
}

/* "/inside" or "/inside:ro" */
static enum enc_read volume_text(struct enc_volume *volume, const char *text) {
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    if (colon && strcmp(colon, ":ro") != 0 && strcmp(colon, ":rw") != 0)
        return ENC_READ_VALUE;
    if (!enc_is_absolute(text) || len < 2)
        return ENC_READ_VALUE;
    volume->read_only = colon && strcmp(colon, ":ro") == 0;
    volume->bind = strndup(text, len);
    return volume->bind ? ENC_READ_OK : ENC_READ_NOMEM;
}

/* { bind = "/inside", mode = "ro" } */
static enum enc_read volume_object(const struct enc_field *field,
                                   struct enc_volume *volume,
                                   const char *source,
                                   json_t *object,
                                   struct enclave_error *err) {
    static const char bind_expected[] = "an absolute path inside the sandbox";
    char path[160];
    const char *key;
    json_t *value, *bind = json_object_get(object, "bind"), *mode = json_object_get(object, "mode");
    json_object_foreach(object, key, value) {
        if (strcmp(key, "bind") != 0 && strcmp(key, "mode") != 0) {
            enc_fail_misuse(err,
                            ENC_CONFIG_OP,
                            "%s.%.60s: unknown field; expected bind or mode",
                            entry(path, field, source, ""),
                            key);
            return ENC_READ_FAILED;
        }
    }
    if (!bind || json_is_null(bind)) {
        enc_fail(err,
                 ENCLAVE_INVALID,
                 ENC_CONFIG_OP,
                 "%s: missing; expected %s",
                 entry(path, field, source, ".bind"),
                 bind_expected);
        return ENC_READ_FAILED;
    }
    const char *inside = enc_read_text(bind);
    if (!enc_is_absolute(inside) || !inside[1])
        return enc_read_bad(entry(path, field, source, ".bind"),
                            bind,
                            NULL,
                            bind_expected,
                            !json_is_string(bind),
                            err);
    const char *how = mode && !json_is_null(mode) ? enc_read_text(mode) : "rw";
    if (!how || (strcmp(how, "rw") != 0 && strcmp(how, "ro") != 0))
        return enc_read_bad(entry(path, field, source, ".mode"),
                            mode,
                            NULL,
                            "\"rw\" or \"ro\"",
                            !json_is_string(mode),
                            err);
    volume->read_only = strcmp(how, "ro") == 0;
    volume->bind = strdup(inside);
    return volume->bind ? ENC_READ_OK : ENC_READ_NOMEM;
}

ENC_READER(volumes) {
    struct enc_volume *volumes = *(struct enc_volume **)into;
    char path[160];
    const char *source;
    json_t *how;
    if (!is_map(value))
        return ENC_READ_TYPE;
    free(volumes); /* the empty list of the defaults */
    volumes = calloc(json_object_size(value) + 1, sizeof *volumes);
    *(struct enc_volume **)into = volumes;
    if (!volumes)
        return ENC_READ_NOMEM;
    json_object_foreach(value, source, how) {
        if (!enc_is_absolute(source) && !is_volume_name(source)) {
            enc_fail(err,
                     ENCLAVE_INVALID,
                     ENC_CONFIG_OP,
                     "%s: \"%.100s\" is not an absolute path on the host, nor the name of a "
                     "volume; expected one of them",
                     field->name,
                     source);
            return ENC_READ_FAILED;
        }
        if (!(volumes->source = strdup(source)))
            return ENC_READ_NOMEM;
        const char *text = enc_read_text(how);
        enum enc_read got = ENC_READ_TYPE;
        if (text)
            got = volume_text(volumes, text);
        else if (is_map(how))
            got = volume_object(field, volumes, source, how, err);
        if (got == ENC_READ_TYPE || got == ENC_READ_VALUE)
            return enc_read_bad(entry(path, field, source, ""),
                                how,
                                NULL,
                                "\"/inside\", \"/inside:ro\" or { bind, mode }",
                                got == ENC_READ_TYPE,
                                err);
        if (got != ENC_READ_OK)
            return got;
        volumes++;
    }
    return ENC_READ_OK;
}
