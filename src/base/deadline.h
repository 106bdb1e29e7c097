/* deadline.h - time. A timeout becomes one absolute monotonic deadline where it
 * enters Enclave, and only the deadline travels. The base is CLOCK_MONOTONIC in
 * nanoseconds, the same as uv_hrtime(). */
#ifndef ENC_DEADLINE_H
#define ENC_DEADLINE_H

#include <stdint.h>
#include <time.h>

typedef uint64_t enc_deadline;

#define ENC_NEVER     UINT64_MAX
#define ENC_NS_PER_S  1000000000ull
#define ENC_NS_PER_MS 1000000ull

static inline uint64_t enc_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * ENC_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* The deadline that lies ns nanoseconds ahead; ENC_NEVER stays ENC_NEVER. */
static inline enc_deadline enc_deadline_in(uint64_t ns) {
    uint64_t now = enc_now();
    return ns > ENC_NEVER - now ? ENC_NEVER : now + ns;
}

/* As enc_deadline_in, for seconds that were checked to be a number >= 0. */
static inline enc_deadline enc_deadline_in_seconds(double seconds) {
    return seconds >= 9e9 ? ENC_NEVER : enc_deadline_in((uint64_t)(seconds * 1e9));
}

/* Nanoseconds left; 0 when it has passed. */
static inline uint64_t enc_deadline_left(enc_deadline deadline) {
    uint64_t now = enc_now();
    return deadline > now ? deadline - now : 0;
}

static inline enc_deadline enc_deadline_min(enc_deadline a, enc_deadline b) {
    return a < b ? a : b;
}

#endif
