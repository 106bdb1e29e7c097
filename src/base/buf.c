#include "buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool enc_buf_reserve(struct enc_buf *buf, size_t extra) {
    if (extra > SIZE_MAX / 2 - buf->len)
        return false;
    size_t need = buf->len + extra + 1;
    if (need <= buf->cap)
        return true;
    size_t cap = buf->cap ? buf->cap : 256;
    while (cap < need)
        cap *= 2;
    char *data = realloc(buf->data, cap);
    if (!data)
        return false;
    buf->data = data;
    buf->cap = cap;
    return true;
}

bool enc_buf_append(struct enc_buf *buf, const void *bytes, size_t len) {
    if (!enc_buf_reserve(buf, len))
        return false;
    if (len)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return true;
}

bool enc_buf_printf(struct enc_buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !enc_buf_reserve(buf, (size_t)len))
        return false;
    va_start(args, format);
    vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
    return true;
}

void enc_buf_consume(struct enc_buf *buf, size_t len) {
    if (!len)
        return;
    buf->len -= len;
    memmove(buf->data, buf->data + len, buf->len + 1);
}

void enc_buf_free(struct enc_buf *buf) {
    free(buf->data);
    *buf = (struct enc_buf){0};
}

struct enc_buf enc_buf_steal(struct enc_buf *buf) {
    struct enc_buf stolen = *buf;
    *buf = (struct enc_buf){0};
    return stolen;
}
