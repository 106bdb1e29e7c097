/* read.h - one way to read a JSON value into a field and one way to say what is
 * wrong with it: tables of fields for the config and for the options of a pool. */
#ifndef ENC_CONFIG_READ_H
#define ENC_CONFIG_READ_H

#include "config.h"

/* What became of a value. */
enum enc_read {
    ENC_READ_OK,
    ENC_READ_TYPE,   /* wrong type: misuse */
    ENC_READ_VALUE,  /* right type, cannot be used */
    ENC_READ_FAILED, /* the setter has filled the error itself */
    ENC_READ_NOMEM,
};

/* One field of an object that is read: a row of a table. */
struct enc_field {
    const char *name;
    const char *expected; /* "a number greater than 0" */
    enum enc_read (*read)(const struct enc_field *field,
                          void *into,
                          json_t *value,
                          struct enclave_error *err);
    size_t offset;            /* of what read fills, in the object */
    const char *is;           /* "a size": what a bad value is not; NULL: "valid" */
    const char *const *words; /* of an enumeration, NULL-terminated */
};

#define ENC_CONFIG_OP "config"

/* Reads an object by a table whose end is a NULL name. prefix: "" or
 * "resource_limits.". */
int enc_read_object(const struct enc_field *table,
                    const char *prefix,
                    void *into,
                    json_t *object,
                    struct enclave_error *err);

/* Fills err: `path: value is not <is>; expected <expected>`. */
enum enc_read enc_read_bad(const char *path,
                           json_t *value,
                           const char *is,
                           const char *expected,
                           bool misuse,
                           struct enclave_error *err);

/* A string without NUL inside; NULL when it is none. */
const char *enc_read_text(json_t *value);
bool enc_is_absolute(const char *path);
/* An empty object or list: Lua cannot tell them apart. */
bool enc_read_is_empty(json_t *value);
/* A whole number from an integer or an integral real. False: it is none. */
bool enc_read_whole(json_t *value, int64_t *number);

#define ENC_READER(name)                                                                           \
    enum enc_read enc_read_##name(                                                                 \
        const struct enc_field *field, void *into, json_t *value, struct enclave_error *err)
/* read.c: plain values */
ENC_READER(bool);
ENC_READER(number);  /* double > 0 */
ENC_READER(seconds); /* double >= 0 */
ENC_READER(pids);    /* int64_t > 0 */
ENC_READER(count);   /* uint64_t >= 0 */
ENC_READER(size);    /* uint64_t > 0 */
ENC_READER(limit);   /* uint64_t >= 0, as a size */
ENC_READER(word);    /* enum, by field->words */
ENC_READER(name);    /* char *, not empty, no spaces */
ENC_READER(folder);  /* char *, absolute, not the root */
ENC_READER(user);
ENC_READER(ignored_bool);
ENC_READER(ignored_number);
/* lists.c: lists and maps */
ENC_READER(list);
ENC_READER(command);
ENC_READER(env);
ENC_READER(hosts);
ENC_READER(tmpfs);
ENC_READER(volumes);
ENC_READER(ports);

/* Appends a pair to an array that ends with a NULL name, or replaces the value of the
 * same name. */
int enc_pairs_set(struct enc_pair **pairs, const char *name, const char *value);
void enc_pairs_free(struct enc_pair *pairs);
void enc_strings_free(char **strings);

#define ENC_TMPFS_OPTIONS "exec,nosuid,nodev,mode=1777"

#endif
