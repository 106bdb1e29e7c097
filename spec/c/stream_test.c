/* Hijacked streams against a server that upgrades, refuses, stalls, or breaks off. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "setting.h"
#include "stream.h"

struct talk {
    struct enc_stream *stream;
    bool open, ended, failed;
    size_t len, drains;
    char text[512];
    struct enclave_error err;
    bool close_on_open, close_on_data, close_on_end, pause_on_data;
};

static void leave(struct talk *talk, bool now) {
    if (now) {
        enc_stream_close(talk->stream);
        talk->stream = NULL;
    }
}

static void on_open(void *data) {
    struct talk *talk = data;
    assert_false(talk->open);
    talk->open = true;
    leave(talk, talk->close_on_open);
}

static void on_data(void *data, const char *bytes, size_t len) {
    struct talk *talk = data;
    assert_true(talk->open && !talk->ended);
    for (size_t i = 0; i < len && talk->len + i + 1 < sizeof talk->text; i++)
        talk->text[talk->len + i] = bytes[i];
    talk->len += len;
    if (talk->pause_on_data)
        enc_stream_pause(talk->stream, true);
    leave(talk, talk->close_on_data);
}

static void on_end(void *data, const struct enclave_error *err) {
    struct talk *talk = data;
    assert_false(talk->ended);
    talk->ended = true;
    talk->failed = err != NULL;
    if (err)
        talk->err = *err;
    leave(talk, talk->close_on_end);
}

static void on_drain(void *data) {
    struct talk *talk = data;
    talk->drains++;
}

static const struct enc_stream_events events = {on_open, on_data, on_end};

static void start(struct setting *at, struct talk *talk, double seconds) {
    talk->stream = enc_stream_open(at->loop,
                                   &at->endpoint,
                                   "test.attach",
                                   "/attach?stream=1",
                                   "{\"Tty\":false}",
                                   enc_deadline_in_seconds(seconds),
                                   &events,
                                   talk,
                                   NULL);
    assert_non_null(talk->stream);
    assert_false(talk->open || talk->ended);
}

#define TURN_UNTIL(at, condition)                                                                  \
    while (!(condition))                                                                           \
    enc_loop_turn((at)->loop, true)

static char seen[4096];

/* Upgrades, then gives back what comes until the client half-closes, then says bye. */
static void serve_echo(struct server *server, int fd) {
    static char bytes[65536];
    if (!server_request(server, fd, seen, sizeof seen))
        return;
    server_say(fd, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhi:");
    for (;;) {
        struct pollfd fds[2] = {{.fd = fd, .events = POLLIN},
                                {.fd = server->stop[0], .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 || fds[1].revents)
            return;
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got < 0)
            return;
        if (got == 0)
            break;
        for (ssize_t sent = 0, n; sent < got; sent += n)
            if ((n = send(fd, bytes + sent, (size_t)(got - sent), MSG_NOSIGNAL)) <= 0)
                return;
    }
    server_say(fd, ":bye");
}

static void both_ways_and_half_close(void **state) {
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct setting at;
        open_setting(&at, tcp, serve_echo);
        struct talk talk = {0};
        start(&at, &talk, 30);
        assert_int_equal(enc_stream_write(talk.stream, "early", 5), 0); /* before it is open */
        TURN_UNTIL(&at, talk.len >= 8);
        assert_non_null(strstr(seen, "POST /attach?stream=1 HTTP/1.1\r\n"));
        assert_non_null(strstr(seen, "\r\nUpgrade: tcp\r\n"));
        assert_non_null(strstr(seen, "\r\n\r\n{\"Tty\":false}"));
        assert_int_equal(enc_stream_write(talk.stream, "-late", 5), 0);
        enc_stream_end(talk.stream);
        assert_int_equal(enc_stream_write(talk.stream, "no", 2), -1);
        TURN_UNTIL(&at, talk.ended);
        assert_false(talk.failed);
        assert_string_equal(talk.text, "hi:early-late:bye");
        enc_stream_close(talk.stream);
        close_setting(&at);
    }
}

static void much_data_with_pauses(void **state) {
    (void)state;
    enum { SIZE = 16 << 20 };
    struct setting at;
    open_setting(&at, false, serve_echo);
    struct talk talk = {.pause_on_data = true};
    start(&at, &talk, 30);
    enc_stream_on_drain(talk.stream, on_drain);
    char *bytes = calloc(1, SIZE);
    assert_int_equal(enc_stream_write(talk.stream, bytes, SIZE), 0);
    assert_true(enc_stream_queued(talk.stream) >= SIZE);
    free(bytes);
    while (talk.len < SIZE + 3) {
        enc_loop_turn(at.loop, talk.len == 0);
        enc_stream_pause(talk.stream, false);
    }
    TURN_UNTIL(&at, talk.drains > 0);
    assert_int_equal(enc_stream_queued(talk.stream), 0);
    enc_stream_close(talk.stream);
    close_setting(&at);
}

static void paused_gets_nothing(void **state) {
    (void)state;
    struct setting at;
    open_setting(&at, false, serve_echo);
    struct talk talk = {0};
    start(&at, &talk, 30);
    TURN_UNTIL(&at, talk.len == 3);
    enc_stream_pause(talk.stream, true);
    enc_stream_write(talk.stream, "x", 1);
    enc_deadline until = enc_deadline_in(50 * ENC_NS_PER_MS);
    while (enc_deadline_left(until))
        enc_loop_turn(at.loop, false);
    assert_int_equal(talk.len, 3);
    enc_stream_pause(talk.stream, false);
    TURN_UNTIL(&at, talk.len == 4);
    enc_stream_close(talk.stream);
    close_setting(&at);
}

static const char *answer;
static bool hold; /* keep the connection open after the answer */

static void serve_answer(struct server *server, int fd) {
    char request[4096];
    if (!server_request(server, fd, request, sizeof request))
        return;
    for (const char *at = answer; *at; at++) { /* byte by byte */
        char one[2] = {*at, 0};
        server_say(fd, one);
        if (at - answer < 40)
            usleep(200);
    }
    if (hold)
        server_wait(server, fd);
}

static void refusals_and_nonsense(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        bool hold;
        enum enclave_code code;
        int status;
        const char *text;
    } cases[] = {
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 47\r\n\r\n"
         "{\"message\":\"No such container: \\\"x\\\"\\u00fc\\n\"}   ",
         true,
         ENCLAVE_DOCKER,
         404,
         "No such container: \"x\"\xc3\xbc (HTTP"},
        {"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n"
         "13\r\n{ \"message\" : \"no\"}\r\n0\r\n\r\n",
         true,
         ENCLAVE_DOCKER,
         500,
         "no (HTTP status 500)"},
        {"HTTP/1.1 409 Conflict\r\n\r\nplain words\nmore",
         false,
         ENCLAVE_DOCKER,
         409,
         "plain words (HTTP"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX: y\r\n\r\n"
         "HTTP/1.1 410 Gone\r\nContent-Length: 5\r\n\r\nwords",
         true,
         ENCLAVE_DOCKER,
         410,
         "words (HTTP"},
        {"SSH-2.0-OpenSSH\r\n", true, ENCLAVE_PROTOCOL, 0, "not HTTP"},
        {"HTTP/1.1 banana\r\n\r\n", true, ENCLAVE_PROTOCOL, 0, "not HTTP"},
        {"HTTP/1.1 101 UP\r\nHalf", false, ENCLAVE_UNAVAILABLE, 0, "before a reply"},
        {"", false, ENCLAVE_UNAVAILABLE, 0, "before a reply"},
    };
    struct setting at;
    open_setting(&at, false, serve_answer);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct talk talk = {.close_on_end = true};
        answer = cases[i].answer;
        hold = cases[i].hold;
        start(&at, &talk, 30);
        TURN_UNTIL(&at, talk.ended);
        assert_false(talk.open);
        if (talk.err.code != cases[i].code || talk.err.http_status != cases[i].status ||
            !strstr(talk.err.message, cases[i].text))
            fail_msg("case %zu: %d %s", i, talk.err.code, talk.err.message);
        assert_string_equal(talk.err.op, "test.attach");
    }
    close_setting(&at);
}

static void serve_nothing(struct server *server, int fd) {
    server_wait(server, fd);
}

static void deadline_of_opening(void **state) {
    (void)state;
    struct setting at;
    open_setting(&at, false, serve_nothing);
    struct talk talk = {.close_on_end = true};
    start(&at, &talk, 0.05);
    TURN_UNTIL(&at, talk.ended);
    assert_int_equal(talk.err.code, ENCLAVE_TIMEOUT);
    close_setting(&at);

    struct enc_endpoint nowhere;
    enc_endpoint_parse(&nowhere, "unix:///nowhere.sock", NULL, false, true, NULL);
    at.loop = enc_loop_new(NULL, NULL);
    at.endpoint = nowhere;
    struct talk lost = {.close_on_end = true};
    start(&at, &lost, 30);
    TURN_UNTIL(&at, lost.ended);
    assert_int_equal(lost.err.code, ENCLAVE_UNAVAILABLE);
    assert_non_null(strstr(lost.err.message, "unix:///nowhere.sock: No such file"));
    enc_loop_free(at.loop);
    enc_endpoint_free(&nowhere);
}

static void closing_at_any_point(void **state) {
    (void)state;
    struct setting at;
    open_setting(&at, false, serve_echo);
    struct talk opening = {.close_on_open = true}, reading = {.close_on_data = true};
    start(&at, &opening, 30);
    TURN_UNTIL(&at, opening.open);
    start(&at, &reading, 30);
    TURN_UNTIL(&at, reading.len);
    assert_false(opening.ended || reading.ended || opening.len);
    for (int turns = 0; turns < 8; turns++) {
        struct talk talk = {0};
        start(&at, &talk, 30);
        for (int i = 0; i < turns; i++)
            enc_loop_turn(at.loop, false);
        enc_stream_close(talk.stream);
        assert_false(talk.ended);
    }
    enc_stream_close(NULL);
    close_setting(&at);
}

static void serve_reset(struct server *server, int fd) {
    serve_answer(server, fd);
    struct linger hard = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

static void a_reset_connection_is_an_error(void **state) {
    (void)state;
    struct setting at;
    open_setting(&at, true, serve_reset);
    answer = "HTTP/1.1 200 OK\r\n\r\n";
    hold = false;
    struct talk talk = {0};
    start(&at, &talk, 30);
    TURN_UNTIL(&at, talk.ended);
    assert_true(talk.failed);
    assert_int_equal(talk.err.code, ENCLAVE_UNAVAILABLE);
    assert_int_equal(enc_stream_write(talk.stream, "x", 1), -1);
    enc_stream_close(talk.stream);
    close_setting(&at);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_and_half_close),
        cmocka_unit_test(much_data_with_pauses),
        cmocka_unit_test(paused_gets_nothing),
        cmocka_unit_test(refusals_and_nonsense),
        cmocka_unit_test(deadline_of_opening),
        cmocka_unit_test(closing_at_any_point),
        cmocka_unit_test(a_reset_connection_is_an_error),
    };
    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
