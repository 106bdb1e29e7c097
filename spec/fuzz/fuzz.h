/* fuzz.h - what the fuzzers share: the entry that libFuzzer calls, and a check that ends the
 * program, which libFuzzer reports with the input that led there. */
#ifndef SPEC_FUZZ_H
#define SPEC_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void check(bool holds) {
    if (!holds)
        abort();
}

/* A copy of exactly that size, so that a read too far is seen; free() is the caller's. */
static inline void *exact_copy(const void *bytes, size_t len) {
    void *copy = malloc(len);
    check(copy != NULL);
    if (len)
        memcpy(copy, bytes, len);
    return copy;
}

#endif
