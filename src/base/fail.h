/* fail.h - filling a struct enclave_error. The shape and the contract of errors
 * are in <enclave/error.h>. Provides no policy and prints nothing. */
#ifndef ENC_FAIL_H
#define ENC_FAIL_H

#include <enclave/error.h>

/* The code of this name ("timeout"); ENCLAVE_OK: there is none. */
enum enclave_code enc_code_named(const char *name);

/* Fills err (may be NULL) and returns -1, so that `return enc_fail(...)` reads
 * well. op may be NULL: then err->op is left empty. */
__attribute__((format(printf, 4, 5))) int enc_fail(
    struct enclave_error *err, enum enclave_code code, const char *op, const char *format, ...);

/* As enc_fail, for a wrong type or an unknown name (ENCLAVE_INVALID, misuse). */
__attribute__((format(printf, 3, 4))) int enc_fail_misuse(struct enclave_error *err,
                                                          const char *op,
                                                          const char *format,
                                                          ...);

/* Out of memory; formats nothing. */
int enc_fail_nomem(struct enclave_error *err, const char *op);

#endif
