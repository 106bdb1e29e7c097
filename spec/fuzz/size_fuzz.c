/* libFuzzer: sizes as users write them are refused or numbers, and a number of bytes is itself. */
#include <inttypes.h>
#include <stdio.h>

#include "config/config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1), plain[32];
    uint64_t bytes = 0, again = 0;
    check(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    int state = enc_parse_size(text, &bytes);
    check(state == 0 || state == -1);
    if (state == 0) {
        check(*text >= '0' && *text <= '9');
        snprintf(plain, sizeof plain, "%" PRIu64, bytes);
        check(enc_parse_size(plain, &again) == 0 && again == bytes);
    }
    free(text);
    return 0;
}
