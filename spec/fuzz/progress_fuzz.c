/* libFuzzer: the progress that Docker streams, one JSON object after the other, gives the same
 * objects however the network cuts it. The first byte is the length of the pieces. */
#include "fuzz.h"
#include "internal.h"

struct heard {
    size_t objects, fields;
};

static void on_object(struct enc_docker_watch *watch, void *data, json_t *object) {
    struct heard *heard = data;
    (void)watch;
    check(json_is_object(object));
    heard->objects++;
    heard->fields += json_object_size(object);
}

static bool feed(const uint8_t *data, size_t size, size_t piece, struct heard *heard) {
    struct enc_docker_watch watch = {.object = on_object};
    bool closed = false, good = true;
    for (size_t at = 0; good && at < size; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        char *copy = exact_copy(data + at, len);
        good = enc_docker_watch_feed(&watch, heard, copy, len, &closed);
        free(copy);
    }
    check(good == (watch.failed.code == 0));
    enc_buf_free(&watch.piece);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct heard pieces = {0}, whole = {0};
    if (size < 2)
        return 0;
    bool good = feed(data + 1, size - 1, data[0] + 1u, &pieces);
    check(good == feed(data + 1, size - 1, size, &whole));
    check(pieces.objects == whole.objects && pieces.fields == whole.fields);
    return 0;
}
