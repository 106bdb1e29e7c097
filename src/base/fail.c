#include "fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *enclave_code_name(enum enclave_code code) {
    switch (code) {
    case ENCLAVE_OK:
        return "ok";
#define X(constant, name, meaning)                                                                 \
    case ENCLAVE_##constant:                                                                       \
        return name;
        ENCLAVE_ERRORS(X)
#undef X
    }
    return "internal";
}

enum enclave_code enc_code_named(const char *name) {
#define X(constant, text, meaning)                                                                 \
    if (strcmp(name, text) == 0)                                                                   \
        return ENCLAVE_##constant;
    ENCLAVE_ERRORS(X)
#undef X
    return ENCLAVE_OK;
}

__attribute__((format(printf, 4, 0))) static int fill(struct enclave_error *err,
                                                      enum enclave_code code,
                                                      const char *op,
                                                      const char *format,
                                                      va_list args) {
    if (!err)
        return -1;
    /* The arguments may point into err itself ("while pulling: %s", err->message). */
    struct enclave_error filled = {.code = code};
    snprintf(filled.op, sizeof filled.op, "%s", op ? op : "");
    vsnprintf(filled.message, sizeof filled.message, format, args);
    *err = filled;
    return -1;
}

int enc_fail(
    struct enclave_error *err, enum enclave_code code, const char *op, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fill(err, code, op, format, args);
    va_end(args);
    return -1;
}

int enc_fail_misuse(struct enclave_error *err, const char *op, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fill(err, ENCLAVE_INVALID, op, format, args);
    va_end(args);
    if (err)
        err->misuse = true;
    return -1;
}

int enc_fail_nomem(struct enclave_error *err, const char *op) {
    return enc_fail(err, ENCLAVE_NOMEM, op, "out of memory");
}
