/* libFuzzer: whatever comes, at either end, the frames are refused or whole. The first byte
 * chooses the end and how the rest is cut into pieces. */
#include "fuzz.h"
#include "wire.h"

/* Everything that a receiver looks at. */
static size_t read_frame(const struct enc_wire_frame *frame) {
    struct enc_wire_field field;
    size_t offset = 0, sum = 0;
    check(strcmp(enc_wire_type_name(frame->type), "?") != 0);
    if (frame->type == ENC_WIRE_OUTPUT || frame->type == ENC_WIRE_ERRORS ||
        frame->type == ENC_WIRE_INPUT || frame->type == ENC_WIRE_DATA ||
        frame->type == ENC_WIRE_FILE) {
        check(frame->len <= ENC_WIRE_DATA_MAX);
        for (size_t i = 0; i < frame->len; i++)
            sum += frame->body[i];
        return sum;
    }
    while (enc_wire_field(frame, &offset, &field)) {
        for (size_t i = 0; i < field.len; i++)
            sum += (uint8_t)field.text[i];
        sum += (size_t)field.number;
    }
    check(offset == frame->len);
    return sum + strlen(enc_wire_text(frame, ENC_WIRE_TAG_TEXT, "")) +
           (size_t)enc_wire_number(frame, ENC_WIRE_TAG_EXIT_CODE, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct enc_wire_peer peer = {.way = ENC_WIRE_TO_AGENT};
    struct enc_wire_frame frame;
    const char *reason = NULL;
    size_t at = 0, here = 0, need = 0;
    volatile size_t sum = 0;
    if (size < 1)
        return 0;
    peer.way = data[0] & 1 ? ENC_WIRE_TO_ENGINE : ENC_WIRE_TO_AGENT;
    peer.greeted = data[0] & 2;
    size_t step = (data[0] >> 2) + 1u;
    data++;
    size--;
    while (here < size) {
        here = size - here < step ? size : here + step;
        uint8_t *exact = exact_copy(data + at, here - at);
        int state = enc_wire_next(&peer, exact, here - at, &frame, &need, &reason);
        if (state > 0) {
            check(frame.body >= exact && frame.len + ENC_WIRE_HEADER <= here - at);
            sum += read_frame(&frame);
            at += ENC_WIRE_HEADER + frame.len;
        } else if (state == 0) {
            check(need > here - at);
        } else {
            check(reason != NULL);
        }
        free(exact);
        if (state < 0 || sum == 0x5a5a5a5a5a5aull)
            break;
    }
    return 0;
}
