#include "wire.h"

#include <string.h>

static void store(uint8_t *at, uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

void enc_wire_header(uint8_t header[ENC_WIRE_HEADER],
                     enum enc_wire_type type,
                     uint32_t id,
                     size_t body_len) {
    store(header, body_len, 4);
    header[4] = (uint8_t)type;
    header[5] = header[6] = header[7] = 0;
    store(header + 8, id, 4);
}

static void append(struct enc_wire_writer *writer, const void *bytes, size_t len) {
    if (len > 0 && writer->len <= writer->room && len <= writer->room - writer->len)
        memcpy(writer->bytes + writer->len, bytes, len);
    writer->len += len;
}

static void field_head(struct enc_wire_writer *writer, enum enc_wire_tag tag, size_t len) {
    uint8_t head[ENC_WIRE_FIELD];
    store(head, tag, 2);
    store(head + 2, len, 4);
    append(writer, head, sizeof head);
}

void enc_wire_begin(struct enc_wire_writer *writer,
                    void *bytes,
                    size_t room,
                    enum enc_wire_type type,
                    uint32_t id) {
    uint8_t header[ENC_WIRE_HEADER];
    *writer = (struct enc_wire_writer){.bytes = bytes, .room = room};
    enc_wire_header(header, type, id, 0);
    append(writer, header, sizeof header);
}

void enc_wire_put_number(struct enc_wire_writer *writer, enum enc_wire_tag tag, uint64_t number) {
    uint8_t bytes[8];
    store(bytes, number, 8);
    enc_wire_put_bytes(writer, tag, bytes, sizeof bytes);
}

void enc_wire_put_text(struct enc_wire_writer *writer, enum enc_wire_tag tag, const char *text) {
    enc_wire_put_bytes(writer, tag, text, strlen(text) + 1);
}

void enc_wire_put_bytes(struct enc_wire_writer *writer,
                        enum enc_wire_tag tag,
                        const void *bytes,
                        size_t len) {
    field_head(writer, tag, len);
    append(writer, bytes, len);
}

bool enc_wire_end(struct enc_wire_writer *writer) {
    if (writer->len > writer->room || writer->len < ENC_WIRE_HEADER)
        return false;
    store(writer->bytes, writer->len - ENC_WIRE_HEADER, 4);
    return true;
}
