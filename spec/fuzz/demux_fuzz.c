/* libFuzzer: Docker's multiplexed stream gives the same bytes however the network cuts it. The
 * first byte is the length of the pieces. */
#include "docker.h"
#include "fuzz.h"

struct heard {
    size_t len[3];
    uint64_t sum[3];
};

static bool on_output(void *data, int stream, const char *bytes, size_t len) {
    struct heard *heard = data;
    check(stream == 1 || stream == 2);
    for (size_t i = 0; i < len; i++)
        heard->sum[stream] = heard->sum[stream] * 31 + (uint8_t)bytes[i];
    heard->len[stream] += len;
    return true;
}

/* Whether all of it was such a stream. */
static bool feed(const uint8_t *data, size_t size, size_t piece, struct heard *heard) {
    struct enc_demux demux = {0};
    for (size_t at = 0; at < size; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        char *copy = exact_copy(data + at, len);
        int state = enc_demux_feed(&demux, copy, len, on_output, heard);
        free(copy);
        check(state == 0 || state == -1);
        if (state)
            return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct heard pieces = {0}, whole = {0};
    if (size < 2)
        return 0;
    bool good = feed(data + 1, size - 1, data[0] + 1u, &pieces);
    check(good == feed(data + 1, size - 1, size, &whole));
    check(memcmp(&pieces, &whole, sizeof whole) == 0);
    check(whole.len[1] + whole.len[2] < size);
    return 0;
}
