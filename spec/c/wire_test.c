/* The frames: round trips, truncation at every byte, garbage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire.h"

static struct enc_wire_peer to_agent(bool greeted) {
    return (struct enc_wire_peer){.way = ENC_WIRE_TO_AGENT, .greeted = greeted};
}

static int next(struct enc_wire_peer peer, const void *bytes, size_t len, const char **reason) {
    struct enc_wire_frame frame;
    size_t need = 0;
    *reason = NULL;
    return enc_wire_next(&peer, bytes, len, &frame, &need, reason);
}

static size_t write_run(uint8_t *bytes, size_t room) {
    struct enc_wire_writer writer;
    enc_wire_begin(&writer, bytes, room, ENC_WIRE_RUN, 0x01020304);
    enc_wire_put_text(&writer, ENC_WIRE_TAG_ARG, "sh");
    enc_wire_put_text(&writer, ENC_WIRE_TAG_ARG, "");
    enc_wire_put_bytes(&writer, ENC_WIRE_TAG_CODE, "a\0b", 3);
    enc_wire_put_bytes(&writer, ENC_WIRE_TAG_STDIN, NULL, 0);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_TIMEOUT, 0xfedcba9876543210ull);
    assert_int_equal(enc_wire_end(&writer), writer.len <= room);
    return writer.len;
}

static void test_round_trip(void **state) {
    uint8_t bytes[256];
    struct enc_wire_peer peer = to_agent(true);
    struct enc_wire_frame frame;
    struct enc_wire_field field;
    const char *reason = NULL;
    size_t need = 0, offset = 0, len = write_run(bytes, sizeof bytes);
    (void)state;
    assert_int_equal(enc_wire_next(&peer, bytes, len, &frame, &need, &reason), 1);
    assert_int_equal(frame.type, ENC_WIRE_RUN);
    assert_int_equal(frame.id, 0x01020304);
    assert_int_equal(frame.len + ENC_WIRE_HEADER, len);
    assert_true(enc_wire_field(&frame, &offset, &field));
    assert_int_equal(field.tag, ENC_WIRE_TAG_ARG);
    assert_string_equal(field.text, "sh");
    assert_int_equal(field.len, 2);
    assert_true(enc_wire_field(&frame, &offset, &field));
    assert_string_equal(field.text, "");
    assert_true(enc_wire_field(&frame, &offset, &field));
    assert_int_equal(field.len, 3);
    assert_memory_equal(field.text, "a\0b", 3);
    assert_true(enc_wire_field(&frame, &offset, &field));
    assert_int_equal(field.len, 0);
    assert_true(enc_wire_field(&frame, &offset, &field));
    assert_true(field.number == 0xfedcba9876543210ull);
    assert_false(enc_wire_field(&frame, &offset, &field));
    assert_string_equal(enc_wire_text(&frame, ENC_WIRE_TAG_ARG, "none"), ""); /* the last */
    assert_string_equal(enc_wire_text(&frame, ENC_WIRE_TAG_USER, "none"), "none");
    assert_int_equal(enc_wire_number(&frame, ENC_WIRE_TAG_MODE, 7), 7);
}

static void test_measuring_first(void **state) {
    uint8_t bytes[256];
    size_t len = write_run(NULL, 0);
    (void)state;
    assert_int_equal(write_run(bytes, len), len);
    memset(bytes, 0xee, sizeof bytes);
    assert_int_equal(write_run(bytes, len - 1), len);
    assert_int_equal(bytes[len - 1], 0xee); /* nothing behind the room */
}

static void test_cut_at_every_byte(void **state) {
    uint8_t bytes[256];
    size_t len = write_run(bytes, sizeof bytes);
    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        struct enc_wire_peer peer = to_agent(true);
        struct enc_wire_frame frame;
        const char *reason = NULL;
        size_t need = 0;
        uint8_t *exact = malloc(cut + 1); /* a read too far is seen by the sanitizer */
        assert_non_null(exact);
        memcpy(exact, bytes, cut);
        assert_int_equal(enc_wire_next(&peer, exact, cut, &frame, &need, &reason), 0);
        assert_int_equal(need, cut < ENC_WIRE_HEADER ? ENC_WIRE_HEADER : len);
        free(exact);
    }
    /* The length of the frame says less than its fields do. */
    for (size_t cut = ENC_WIRE_HEADER; cut < len; cut++) {
        const char *reason;
        uint8_t copy[256];
        size_t body = cut - ENC_WIRE_HEADER;
        memcpy(copy, bytes, len);
        copy[0] = (uint8_t)body;
        int result = next(to_agent(true), copy, len, &reason);
        /* Whole fields: none, after each ARG, CODE, STDIN. */
        bool whole = body == 0 || body == 9 || body == 16 || body == 25 || body == 31;
        assert_int_equal(result, whole ? 1 : -1);
        if (!whole)
            assert_non_null(reason);
    }
}

static void expect_refused(const uint8_t *bytes, size_t len, const char *why) {
    const char *reason;
    assert_int_equal(next(to_agent(true), bytes, len, &reason), -1);
    assert_string_equal(reason, why);
}

static void test_headers_that_cannot_be(void **state) {
    uint8_t header[ENC_WIRE_HEADER];
    (void)state;
    enc_wire_header(header, ENC_WIRE_RUN, 1, 0xffffffff);
    expect_refused(header, sizeof header, "a frame that is too long");
    enc_wire_header(header, ENC_WIRE_INPUT, 1, ENC_WIRE_DATA_MAX + 1);
    expect_refused(header, sizeof header, "a frame that is too long");
    enc_wire_header(header, ENC_WIRE_STOP, 1, 1);
    expect_refused(header, sizeof header, "a frame that is too long");
    enc_wire_header(header, ENC_WIRE_RUN, 0, 0);
    expect_refused(header, sizeof header, "a frame without an id");
    enc_wire_header(header, ENC_WIRE_RESET, 1, 0);
    expect_refused(header, sizeof header, "a frame with an id that needs none");
    enc_wire_header(header, ENC_WIRE_OUTPUT, 1, 0); /* the other direction */
    expect_refused(header, sizeof header, "an unknown type of frame");
    for (unsigned type = 0; type < 256; type++) {
        if (strcmp(enc_wire_type_name(type), "?") != 0)
            continue;
        header[4] = (uint8_t)type;
        expect_refused(header, sizeof header, "an unknown type of frame");
    }
    for (unsigned at = 5; at < 8; at++) {
        enc_wire_header(header, ENC_WIRE_STOP, 1, 0);
        header[at] = 1;
        expect_refused(header, sizeof header, "reserved bytes are not zero");
    }
}

static void test_fields_that_cannot_be(void **state) {
    uint8_t bytes[128];
    struct enc_wire_writer writer;
    (void)state;
#define REFUSED(why, ...)                                                                          \
    do {                                                                                           \
        enc_wire_begin(&writer, bytes, sizeof bytes, ENC_WIRE_RUN, 1);                             \
        __VA_ARGS__;                                                                               \
        assert_true(enc_wire_end(&writer));                                                        \
        expect_refused(bytes, writer.len, why);                                                    \
    } while (0)
    REFUSED("a text that does not end with its only NUL",
            enc_wire_put_bytes(&writer, ENC_WIRE_TAG_ARG, "x", 1));
    REFUSED("a text that does not end with its only NUL",
            enc_wire_put_bytes(&writer, ENC_WIRE_TAG_ARG, "", 0));
    REFUSED("a text that does not end with its only NUL",
            enc_wire_put_bytes(&writer, ENC_WIRE_TAG_ARG, "a\0b", 4));
    REFUSED("a number that has not 8 bytes",
            enc_wire_put_bytes(&writer, ENC_WIRE_TAG_TIMEOUT, "1234567", 7));
    REFUSED("an unknown field", enc_wire_put_number(&writer, ENC_WIRE_TAG_EXIT_CODE, 1));
    REFUSED("an unknown field", enc_wire_put_number(&writer, (enum enc_wire_tag)0, 1));
    REFUSED("an unknown field", enc_wire_put_number(&writer, (enum enc_wire_tag)60000, 1));
    REFUSED("a field is longer than its frame", {
        enc_wire_put_bytes(&writer, ENC_WIRE_TAG_CODE, "abc", 3);
        bytes[ENC_WIRE_HEADER + 2] = 4;
    });
    REFUSED("a field is longer than its frame", {
        enc_wire_put_bytes(&writer, ENC_WIRE_TAG_CODE, "abc", 3);
        memset(bytes + ENC_WIRE_HEADER + 2, 0xff, 4);
    });
}

static size_t write_hello(uint8_t *bytes, size_t room, const char *magic, uint64_t version) {
    struct enc_wire_writer writer;
    enc_wire_begin(&writer, bytes, room, ENC_WIRE_HELLO, 0);
    enc_wire_put_text(&writer, ENC_WIRE_TAG_MAGIC, magic);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_VERSION, version);
    assert_true(enc_wire_end(&writer));
    return writer.len;
}

static void test_greeting_comes_first_and_once(void **state) {
    uint8_t bytes[128];
    struct enc_wire_peer peer = to_agent(false);
    struct enc_wire_frame frame;
    const char *reason = NULL;
    size_t need = 0, len = write_run(bytes, sizeof bytes);
    (void)state;
    assert_int_equal(next(peer, bytes, len, &reason), -1);
    assert_string_equal(reason, "a frame before the greeting");
    len = write_hello(bytes, sizeof bytes, "enclave agend", ENC_WIRE_VERSION);
    assert_int_equal(next(peer, bytes, len, &reason), -1);
    assert_string_equal(reason, "a greeting of something else");
    len = write_hello(bytes, sizeof bytes, ENC_WIRE_MAGIC, ENC_WIRE_VERSION + 1);
    assert_int_equal(next(peer, bytes, len, &reason), -1);
    assert_string_equal(reason, "another version of the frames");
    len = write_hello(bytes, sizeof bytes, ENC_WIRE_MAGIC, ENC_WIRE_VERSION);
    assert_int_equal(enc_wire_next(&peer, bytes, len, &frame, &need, &reason), 1);
    assert_true(peer.greeted);
    assert_int_equal(enc_wire_next(&peer, bytes, len, &frame, &need, &reason), -1);
    assert_string_equal(reason, "a second greeting");
}

static void test_several_in_a_row(void **state) {
    uint8_t bytes[512];
    struct enc_wire_peer peer = to_agent(true);
    struct enc_wire_frame frame;
    const char *reason = NULL;
    size_t need = 0, at = 0, len = write_run(bytes, sizeof bytes);
    (void)state;
    enc_wire_header(bytes + len, ENC_WIRE_INPUT, 9, 5);
    memcpy(bytes + len + ENC_WIRE_HEADER, "hello", 5);
    size_t all = len + ENC_WIRE_HEADER + 5;
    assert_int_equal(enc_wire_next(&peer, bytes, all, &frame, &need, &reason), 1);
    at += ENC_WIRE_HEADER + frame.len;
    assert_int_equal(enc_wire_next(&peer, bytes + at, all - at, &frame, &need, &reason), 1);
    assert_int_equal(frame.type, ENC_WIRE_INPUT);
    assert_int_equal(frame.len, 5);
    assert_memory_equal(frame.body, "hello", 5);
    at += ENC_WIRE_HEADER + frame.len;
    assert_int_equal(enc_wire_next(&peer, bytes + at, all - at, &frame, &need, &reason), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_measuring_first),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_headers_that_cannot_be),
        cmocka_unit_test(test_fields_that_cannot_be),
        cmocka_unit_test(test_greeting_comes_first_and_once),
        cmocka_unit_test(test_several_in_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
