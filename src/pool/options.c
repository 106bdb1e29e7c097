#include <stdio.h>

#include "config/read.h"
#include "pool.h"

#define MOST 1000000 /* sandboxes or callers: more is a typing error */

static ENC_READER(pool_count) {
    uint64_t count;
    enum enc_read got = enc_read_count(field, &count, value, err);
    if (got != ENC_READ_OK)
        return got;
    if (count > MOST)
        return ENC_READ_VALUE;
    *(unsigned *)into = (unsigned)count;
    return ENC_READ_OK;
}

static ENC_READER(pool_name) {
    (void)field, (void)err;
    const char *name = enc_read_text(value);
    if (!json_is_string(value))
        return ENC_READ_TYPE;
    if (!name || !*name || json_string_length(value) > 63)
        return ENC_READ_VALUE;
    *(const char **)into = name;
    return ENC_READ_OK;
}

#define COUNT      "a whole number, 0 or more"
#define AT(member) .offset = offsetof(struct enc_pool_options, member)
static const struct enc_field fields[] = {
    {"name", "a string of 1 to 63 bytes", enc_read_pool_name, AT(name)},
    {"size", COUNT, enc_read_pool_count, AT(size)},
    {"max_size", COUNT, enc_read_pool_count, AT(max_size)},
    {"max_waiters", COUNT, enc_read_pool_count, AT(max_waiters)},
    {"max_uses", COUNT, enc_read_pool_count, AT(max_uses)},
    {"max_age", "a number of seconds, 0 or more", enc_read_seconds, AT(max_age)},
    {"idle_ttl", "a number of seconds, 0 or more", enc_read_seconds, AT(idle_ttl)},
    {"parallel", COUNT, enc_read_pool_count, AT(parallel)},
    {0},
};

int enc_pool_options_from_json(struct enc_pool_options *options,
                               json_t *json,
                               struct enclave_error *err) {
    *options = (struct enc_pool_options){0};
    int result = 0;
    if (json && !json_is_null(json) && !json_is_object(json) && !enc_read_is_empty(json)) {
        enc_read_bad("pool options", json, NULL, "an object of fields", true, err);
        result = -1;
    } else {
        result = enc_read_object(fields, "", options, json, err);
    }
    if (result < 0 && err)
        snprintf(err->op, sizeof err->op, "pool");
    return result;
}
