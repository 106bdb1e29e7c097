#include <stdarg.h>
#include <string.h>

#include "internal.h"

static bool append_escaped(struct enc_buf *path, const char *value) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    for (; *value; value++) {
        size_t run = strspn(value, plain);
        if (run && !enc_buf_append(path, value, run))
            return false;
        value += run;
        if (!*value)
            break;
        if (!enc_buf_printf(path, "%%%02X", (unsigned)(unsigned char)*value))
            return false;
    }
    return true;
}

char *enc_docker_path(const char *first, ...) {
    struct enc_buf path = {0};
    bool fine = true, literal = true;
    va_list parts;
    va_start(parts, first);
    for (const char *part = first; part && fine; part = va_arg(parts, const char *)) {
        fine = literal ? enc_buf_append(&path, part, strlen(part)) : append_escaped(&path, part);
        literal = !literal;
    }
    va_end(parts);
    if (!fine)
        enc_buf_free(&path);
    return path.data;
}
