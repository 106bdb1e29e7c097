/* error.h - the one list of error codes and the one shape of an error.
 *
 * Every function of Enclave that can fail takes a trailing
 * `struct enclave_error *err`, which may be NULL. On success it is left
 * untouched; on failure it is filled and the function returns -1, false or NULL.
 * The Lua side shows the same error as a table { code, message, op }.
 *
 * A program that ran inside a sandbox and failed is not an error: that is a
 * result. */
#ifndef ENCLAVE_ERROR_H
#define ENCLAVE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* What the library shows. */
#ifndef ENCLAVE_API
#define ENCLAVE_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* X(CONSTANT, name seen by Lua and HTTP, what it means) */
#define ENCLAVE_ERRORS(X)                                                                          \
    X(INVALID, "invalid", "the caller passed something that cannot work")                          \
    X(TIMEOUT, "timeout", "the deadline passed")                                                   \
    X(CANCELLED, "cancelled", "the caller or a closing owner gave it up")                          \
    X(CLOSED, "closed", "the object was closed before")                                            \
    X(NOT_FOUND, "not_found", "no such tool, sandbox, pool or file")                               \
    X(EXHAUSTED, "exhausted", "a queue or a cap is full")                                          \
    X(UNAVAILABLE, "unavailable", "the Docker Engine cannot be reached")                           \
    X(DOCKER, "docker", "the Docker Engine refused; see http_status")                              \
    X(LOST, "lost", "the sandbox died under the call")                                             \
    X(PROTOCOL, "protocol", "the other side broke the wire format")                                \
    X(NOMEM, "nomem", "out of memory")                                                             \
    X(INTERNAL, "internal", "a fault of Enclave or of the system under it")

enum enclave_code {
    ENCLAVE_OK = 0
#define X(constant, name, meaning) , ENCLAVE_##constant
    ENCLAVE_ERRORS(X)
#undef X
};

struct enclave_error {
    enum enclave_code code;
    int http_status;    /* what Docker answered, with ENCLAVE_DOCKER; else 0 */
    bool misuse;        /* a wrong type or an unknown name: Lua throws these */
    char op[48];        /* what was being done: "pool.acquire", "image.pull" */
    char message[1024]; /* one sentence, no trailing newline */
};

/* The name of a code ("timeout"); "ok" for ENCLAVE_OK, "internal" for a number
 * that is none. */
ENCLAVE_API const char *enclave_code_name(enum enclave_code code);

#ifdef __cplusplus
}
#endif
#endif
