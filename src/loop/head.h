/* head.h - the head of an HTTP/1 reply on a connection that is read by hand, and the
 * error body behind it. Pure. */
#ifndef ENC_HEAD_H
#define ENC_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

struct enc_head {
    int status;
    size_t len;          /* of the head, with the empty line */
    long content_length; /* -1: not said */
    bool chunked;
};

/* 1: head is filled in; 0: more bytes are needed; -1: this is no HTTP reply. */
int enc_head_parse(struct enc_head *head, const char *bytes, size_t len);

/* Whether the body of a refusal is all there. */
bool enc_head_body_complete(const struct enc_head *head, const char *body, size_t len);

/* The "message" of a JSON body, else the body's first line, into text. */
void enc_head_message(const char *body, size_t len, char *text, size_t size);

#endif
