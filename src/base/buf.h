/* buf.h - a growable byte buffer. Zero-initialise it; enc_buf_free returns it to
 * that state. Bytes may hold NUL; one more NUL always follows them. */
#ifndef ENC_BUF_H
#define ENC_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct enc_buf {
    char *data;
    size_t len;
    size_t cap;
};

/* Room for extra bytes behind len. False: out of memory, nothing changed. */
bool enc_buf_reserve(struct enc_buf *buf, size_t extra);
bool enc_buf_append(struct enc_buf *buf, const void *bytes, size_t len);
__attribute__((format(printf, 2, 3))) bool enc_buf_printf(struct enc_buf *buf,
                                                          const char *format,
                                                          ...);

/* Drops the first len bytes. */
void enc_buf_consume(struct enc_buf *buf, size_t len);
void enc_buf_free(struct enc_buf *buf);

/* Moves the bytes out: returns them and leaves buf empty. */
struct enc_buf enc_buf_steal(struct enc_buf *buf);

#endif
