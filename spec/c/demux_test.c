/* Docker's multiplexed stream, cut at every place. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "docker.h"

struct sink {
    char text[3][64];
    size_t len[3];
    int stop_after;
};

static bool on_output(void *data, int stream, const char *bytes, size_t len) {
    struct sink *sink = data;
    assert_true(stream == 1 || stream == 2);
    assert_true(len > 0);
    memcpy(sink->text[stream] + sink->len[stream], bytes, len);
    sink->len[stream] += len;
    return !sink->stop_after || --sink->stop_after;
}

static const char wire[] = "\1\0\0\0\0\0\0\5hello"
                           "\2\0\0\0\0\0\0\3err"
                           "\1\0\0\0\0\0\0\0"
                           "\1\0\0\0\0\0\0\2\0!";
#define WIRE_LEN (sizeof wire - 1)

static void check(const struct sink *sink) {
    assert_int_equal(sink->len[1], 7);
    assert_memory_equal(sink->text[1], "hello\0!", 7);
    assert_int_equal(sink->len[2], 3);
    assert_memory_equal(sink->text[2], "err", 3);
}

static void cut_anywhere(void **state) {
    (void)state;
    for (size_t size = 1; size <= WIRE_LEN; size++) {
        struct enc_demux demux = {0};
        struct sink sink = {0};
        for (size_t at = 0; at < WIRE_LEN; at += size) {
            size_t part = WIRE_LEN - at < size ? WIRE_LEN - at : size;
            assert_int_equal(enc_demux_feed(&demux, wire + at, part, on_output, &sink), 0);
        }
        check(&sink);
    }
}

static void stops_when_told(void **state) {
    (void)state;
    struct enc_demux demux = {0};
    struct sink sink = {.stop_after = 1};
    assert_int_equal(enc_demux_feed(&demux, wire, WIRE_LEN, on_output, &sink), 1);
    assert_int_equal(sink.len[1], 5);
    assert_int_equal(sink.len[2], 0);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"\4\0\0\0\0\0\0\1x", "\1\1\0\0\0\0\0\1x", "plain text"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct enc_demux demux = {0};
        struct sink sink = {0};
        assert_int_equal(enc_demux_feed(&demux, bad[i], 9, on_output, &sink), -1);
        assert_int_equal(sink.len[1], 0);
    }
}

static void a_length_near_4_gib_is_only_counted(void **state) {
    (void)state;
    struct enc_demux demux = {0};
    struct sink sink = {0};
    assert_int_equal(enc_demux_feed(&demux,
                                    "\1\0\0\0\xff\xff\xff\xff"
                                    "abc",
                                    11,
                                    on_output,
                                    &sink),
                     0);
    assert_int_equal(sink.len[1], 3);
    assert_true(demux.left == 0xffffffffu - 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(stops_when_told),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(a_length_near_4_gib_is_only_counted),
    };
    return cmocka_run_group_tests_name("demux", tests, NULL, NULL);
}
