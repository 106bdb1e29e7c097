#include <ctype.h>
#include <string.h>

#include "config.h"

#define MAX_FRACTION 18 /* digits: keeps the product below within 128 bits */

/* The power of two that a unit stands for ("g", "GiB", "b"), or -1. */
static int unit_shift(const char *unit) {
    static const char prefixes[] = "kmgtp";
    int shift = 0;
    const char *found = *unit ? strchr(prefixes, tolower((unsigned char)*unit)) : NULL;
    if (found) {
        shift = 10 * (int)(found - prefixes + 1);
        unit++;
        if (*unit == 'i' || *unit == 'I') {
            unit++;
            if (!*unit)
                return -1; /* "2gi" is half a word */
        }
    }
    if (*unit == 'b' || *unit == 'B')
        unit++;
    return *unit ? -1 : shift;
}

int enc_parse_size(const char *text, uint64_t *bytes) {
    uint64_t whole = 0, fraction = 0, scale = 1;
    const char *at = text;
    if (!isdigit((unsigned char)*at))
        return -1;
    for (; isdigit((unsigned char)*at); at++)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(*at - '0'), &whole))
            return -1;
    if (*at == '.') {
        const char *first = ++at;
        for (; isdigit((unsigned char)*at); at++) {
            if (at - first >= MAX_FRACTION)
                return -1;
            fraction = fraction * 10 + (uint64_t)(*at - '0');
            scale *= 10;
        }
        if (at == first)
            return -1;
    }
    if (*at == ' ' && at[1])
        at++;
    int shift = unit_shift(at);
    if (shift < 0 || (shift == 0 && scale > 1))
        return -1;

    /* All in integers, so that no size is off by a rounding; a part of a byte is dropped. */
    __extension__ typedef unsigned __int128 wide;
    wide total = ((wide)whole << shift) + (((wide)fraction << shift) / scale);
    if (total > UINT64_MAX)
        return -1;
    *bytes = (uint64_t)total;
    return 0;
}
