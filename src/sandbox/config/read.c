#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "read.h"

#define SHOWN 120 /* bytes of a bad value in a message */

enum enc_read enc_read_bad(const char *path,
                           json_t *value,
                           const char *is,
                           const char *expected,
                           bool misuse,
                           struct enclave_error *err) {
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    const char *more = "";
    if (text && strlen(text) > SHOWN) {
        size_t end = SHOWN;
        while (end && ((unsigned char)text[end] & 0xC0) == 0x80)
            end--; /* not in the middle of a character */
        text[end] = '\0';
        more = "…";
    }
    enc_fail(err,
             ENCLAVE_INVALID,
             ENC_CONFIG_OP,
             "%s: %s%s is not %s; expected %s",
             path,
             text ? text : "this value",
             more,
             is ? is : "valid",
             expected);
    if (err)
        err->misuse = misuse;
    free(text);
    return ENC_READ_FAILED;
}

/* How many letters differ, at most limit: enough to tell a typing error. */
static unsigned distance(const char *a, const char *b, unsigned limit) {
    if (!*a || !*b) {
        size_t left = strlen(a) + strlen(b);
        return left > limit ? limit + 1 : (unsigned)left;
    }
    if (*a == *b)
        return distance(a + 1, b + 1, limit);
    if (!limit)
        return 1;
    unsigned best = distance(a + 1, b + 1, limit - 1);
    unsigned other = distance(a + 1, b, limit - 1);
    best = other < best ? other : best;
    other = distance(a, b + 1, limit - 1);
    best = other < best ? other : best;
    return best + 1;
}

static int unknown(const struct enc_field *table,
                   const char *prefix,
                   const char *name,
                   struct enclave_error *err) {
    const char *nearest = NULL;
    unsigned best = 3;
    for (const struct enc_field *field = table; field->name; field++) {
        unsigned far = distance(name, field->name, 2);
        if (far < best) {
            best = far;
            nearest = field->name;
        }
    }
    if (nearest)
        return enc_fail_misuse(err,
                               ENC_CONFIG_OP,
                               "%s%.100s: unknown field; did you mean %s%s?",
                               prefix,
                               name,
                               prefix,
                               nearest);
    return enc_fail_misuse(err,
                           ENC_CONFIG_OP,
                           "%s%.100s: unknown field; expected one of those that the "
                           "documentation lists",
                           prefix,
                           name);
}

int enc_read_object(const struct enc_field *table,
                    const char *prefix,
                    void *into,
                    json_t *object,
                    struct enclave_error *err) {
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        const struct enc_field *field = table;
        while (field->name && strcmp(field->name, name) != 0)
            field++;
        if (!field->name)
            return unknown(table, prefix, name, err);
        if (json_is_null(value))
            continue;
        enum enc_read got = field->read(field, (char *)into + field->offset, value, err);
        if (got == ENC_READ_NOMEM)
            return enc_fail_nomem(err, ENC_CONFIG_OP);
        if (got == ENC_READ_TYPE || got == ENC_READ_VALUE) {
            char path[128];
            snprintf(path, sizeof path, "%s%s", prefix, name);
            enc_read_bad(path, value, field->is, field->expected, got == ENC_READ_TYPE, err);
        }
        if (got != ENC_READ_OK)
            return -1;
    }
    return 0;
}

const char *enc_read_text(json_t *value) {
    const char *text = json_string_value(value);
    return text && strlen(text) == json_string_length(value) ? text : NULL;
}

bool enc_is_absolute(const char *path) {
    return path && *path == '/';
}

bool enc_read_is_empty(json_t *value) {
    return (json_is_object(value) && !json_object_size(value)) ||
           (json_is_array(value) && !json_array_size(value));
}

bool enc_read_whole(json_t *value, int64_t *number) {
    if (json_is_integer(value)) {
        *number = json_integer_value(value);
        return true;
    }
    double real = json_is_real(value) ? json_real_value(value) : NAN;
    if (!(fabs(real) < 9.2e18) || real != floor(real))
        return false;
    *number = (int64_t)real;
    return true;
}

static enum enc_read keep_text(char **into, const char *text) {
    char *copy = strdup(text);
    if (!copy)
        return ENC_READ_NOMEM;
    free(*into);
    *into = copy;
    return ENC_READ_OK;
}

#define UNUSED_FIELD (void)field, (void)err

ENC_READER(bool) {
    UNUSED_FIELD;
    if (!json_is_boolean(value))
        return ENC_READ_TYPE;
    *(bool *)into = json_is_true(value);
    return ENC_READ_OK;
}

ENC_READER(number) {
    UNUSED_FIELD;
    if (!json_is_number(value))
        return ENC_READ_TYPE;
    double number = json_number_value(value);
    if (!(number > 0) || !isfinite(number))
        return ENC_READ_VALUE;
    *(double *)into = number;
    return ENC_READ_OK;
}

ENC_READER(seconds) {
    UNUSED_FIELD;
    if (!json_is_number(value))
        return ENC_READ_TYPE;
    double number = json_number_value(value);
    if (!(number >= 0) || !isfinite(number))
        return ENC_READ_VALUE;
    *(double *)into = number;
    return ENC_READ_OK;
}

ENC_READER(pids) {
    UNUSED_FIELD;
    int64_t number;
    if (!json_is_number(value))
        return ENC_READ_TYPE;
    if (!enc_read_whole(value, &number) || number <= 0)
        return ENC_READ_VALUE;
    *(int64_t *)into = number;
    return ENC_READ_OK;
}

ENC_READER(count) {
    UNUSED_FIELD;
    int64_t number;
    if (!json_is_number(value))
        return ENC_READ_TYPE;
    if (!enc_read_whole(value, &number) || number < 0)
        return ENC_READ_VALUE;
    *(uint64_t *)into = (uint64_t)number;
    return ENC_READ_OK;
}

ENC_READER(limit) {
    const char *text = enc_read_text(value);
    if (!text)
        return json_is_string(value) ? ENC_READ_VALUE : enc_read_count(field, into, value, err);
    uint64_t bytes;
    if (enc_parse_size(text, &bytes) < 0 || bytes > INT64_MAX)
        return ENC_READ_VALUE;
    *(uint64_t *)into = bytes;
    return ENC_READ_OK;
}

ENC_READER(size) {
    uint64_t bytes = 0;
    enum enc_read got = enc_read_limit(field, &bytes, value, err);
    if (got != ENC_READ_OK)
        return got;
    if (!bytes)
        return ENC_READ_VALUE;
    *(uint64_t *)into = bytes;
    return ENC_READ_OK;
}

ENC_READER(word) {
    (void)err;
    const char *text = enc_read_text(value);
    if (!text)
        return ENC_READ_TYPE;
    for (int i = 0; field->words[i]; i++)
        if (strcmp(field->words[i], text) == 0) {
            *(int *)into = i;
            return ENC_READ_OK;
        }
    return ENC_READ_VALUE;
}

ENC_READER(name) {
    UNUSED_FIELD;
    if (!json_is_string(value))
        return ENC_READ_TYPE;
    const char *text = enc_read_text(value);
    if (!text || !*text)
        return ENC_READ_VALUE;
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 127)
            return ENC_READ_VALUE;
    return keep_text(into, text);
}

ENC_READER(folder) {
    UNUSED_FIELD;
    if (!json_is_string(value))
        return ENC_READ_TYPE;
    const char *text = enc_read_text(value);
    if (!enc_is_absolute(text) || text[strspn(text, "/.")] == '\0')
        return ENC_READ_VALUE;
    return keep_text(into, text);
}

ENC_READER(user) {
    UNUSED_FIELD;
    char digits[24];
    int64_t uid;
    const char *text = enc_read_text(value);
    if (json_is_number(value)) {
        if (!enc_read_whole(value, &uid) || uid < 0)
            return ENC_READ_VALUE;
        snprintf(digits, sizeof digits, "%lld", (long long)uid);
        text = digits;
    } else if (!json_is_string(value)) {
        return ENC_READ_TYPE;
    }
    if (!text || !isalnum((unsigned char)*text))
        return ENC_READ_VALUE;
    int colons = 0;
    for (const char *at = text; *at; at++) {
        if (*at == ':')
            colons++;
        else if (!isalnum((unsigned char)*at) && !strchr("_.-", *at))
            return ENC_READ_VALUE;
    }
    if (colons > 1 || text[strlen(text) - 1] == ':')
        return ENC_READ_VALUE;
    return keep_text(into, text);
}

ENC_READER(ignored_bool) {
    (void)into;
    bool ignored;
    return enc_read_bool(field, &ignored, value, err);
}

ENC_READER(ignored_number) {
    (void)into;
    double ignored;
    return enc_read_number(field, &ignored, value, err);
}
