#include "head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void parse_field(struct enc_head *head, const char *line) {
    if (!strncasecmp(line, "content-length:", 15)) {
        char *end;
        long length = strtol(line + 15, &end, 10);
        head->content_length = end != line + 15 && length >= 0 ? length : -1;
    } else if (!strncasecmp(line, "transfer-encoding:", 18)) {
        head->chunked = strcasestr(line, "chunked") != NULL;
    }
}

int enc_head_parse(struct enc_head *head, const char *bytes, size_t len) {
    static const char start[] = "HTTP/1.";
    size_t check = len < sizeof start - 1 ? len : sizeof start - 1;
    if (memcmp(bytes, start, check))
        return -1;
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);
    if (!end)
        return 0;
    *head = (struct enc_head){.len = (size_t)(end + 4 - bytes), .content_length = -1};
    char version;
    char text[512];
    const char *line = bytes;
    while (line < end) {
        const char *stop = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        snprintf(text, sizeof text, "%.*s", (int)(stop - line), line);
        if (line == bytes) {
            if (sscanf(text, "HTTP/1.%c %3d", &version, &head->status) != 2)
                return -1;
        } else {
            parse_field(head, text);
        }
        line = stop + 2;
    }
    return head->status >= 100 ? 1 : -1;
}

bool enc_head_body_complete(const struct enc_head *head, const char *body, size_t len) {
    if (head->chunked)
        return len >= 5 && !memcmp(body + len - 5, "0\r\n\r\n", 5);
    return head->content_length >= 0 && len >= (size_t)head->content_length;
}

static unsigned hex4(const char *at, const char *end) {
    unsigned value = 0;
    char digits[5] = {0};
    if (end - at >= 4) {
        memcpy(digits, at, 4);
        sscanf(digits, "%4x", &value);
    }
    return value;
}

static size_t put_utf8(char *out, unsigned code) {
    if (code < 0x80) {
        out[0] = (char)(code < 0x20 ? ' ' : code);
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3f));
    out[2] = (char)(0x80 | (code & 0x3f));
    return 3;
}

/* A JSON string from behind its opening quote. */
static void unquote(const char *at, const char *end, char *text, size_t size) {
    size_t used = 0;
    while (at < end && *at != '"' && used + 4 < size) {
        if (*at != '\\' || at + 1 >= end) {
            text[used++] = (unsigned char)*at < 0x20 ? ' ' : *at;
            at++;
            continue;
        }
        at++;
        if (*at == 'u') {
            used += put_utf8(text + used, hex4(at + 1, end));
            at += end - at > 5 ? 5 : end - at;
        } else {
            text[used++] = strchr("bfnrt", *at) ? ' ' : *at;
            at++;
        }
    }
    while (used && text[used - 1] == ' ')
        used--;
    text[used] = '\0';
}

void enc_head_message(const char *body, size_t len, char *text, size_t size) {
    static const char key[] = "\"message\"";
    const char *end = body + len, *at = memmem(body, len, key, sizeof key - 1);
    if (at) {
        at += sizeof key - 1;
        while (at < end && strchr(" \t\r\n:", *at))
            at++;
        if (at < end && *at == '"') {
            unquote(at + 1, end, text, size);
            return;
        }
    }
    size_t line = 0;
    while (line < len && line + 1 < size && (unsigned char)body[line] >= 0x20)
        line++;
    memcpy(text, body, line);
    text[line] = '\0';
}
