/* A stream of JSON objects, cut anywhere by the network: finds where each one ends. */
#include "internal.h"

#define MAX_OBJECT (1u << 20)

static bool nonsense(struct enc_docker_watch *watch, const char *what) {
    enc_fail(&watch->failed, ENCLAVE_PROTOCOL, NULL, "the Docker Engine's progress %s", what);
    return false;
}

/* How many of the bytes belong to the present object; *ended: it ends there. */
static size_t scan(struct enc_docker_watch *watch, const char *bytes, size_t len, bool *ended) {
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        if (watch->in_string) {
            if (watch->escaped)
                watch->escaped = false;
            else if (c == '\\')
                watch->escaped = true;
            else if (c == '"')
                watch->in_string = false;
        } else if (c == '"') {
            watch->in_string = true;
        } else if (c == '{' || c == '[') {
            watch->depth++;
        } else if ((c == '}' || c == ']') && watch->depth && !--watch->depth) {
            *ended = true;
            return i + 1;
        }
    }
    return len;
}

bool enc_docker_watch_feed(
    struct enc_docker_watch *watch, void *data, const char *bytes, size_t len, const bool *closed) {
    while (len) {
        if (!watch->depth && !watch->piece.len && *bytes != '{') {
            if (*bytes != ' ' && *bytes != '\r' && *bytes != '\n' && *bytes != '\t')
                return nonsense(watch, "is no JSON");
            bytes++;
            len--;
            continue;
        }
        bool ended = false;
        size_t part = scan(watch, bytes, len, &ended);
        if (watch->piece.len + part > MAX_OBJECT)
            return nonsense(watch, "holds an object that is too large");
        if (!enc_buf_append(&watch->piece, bytes, part)) {
            enc_fail_nomem(&watch->failed, NULL);
            return false;
        }
        bytes += part;
        len -= part;
        if (!ended)
            continue;
        struct enc_buf piece = enc_buf_steal(&watch->piece);
        json_t *object = json_loadb(piece.data, piece.len, 0, NULL);
        enc_buf_free(&piece);
        if (!object)
            return nonsense(watch, "is no JSON");
        watch->object(watch, data, object);
        json_decref(object);
        if (*closed)
            return true;
    }
    return true;
}
