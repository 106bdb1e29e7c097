/* The listener with raw sockets in the same thread: whole answers and pieces, clients that go,
 * limits, and closing at any moment. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "httpd.h"

#define GET    "GET /a%20b?x=1 HTTP/1.1\r\nHost: x\r\nX-One: 1\r\n\r\n"
#define POST   "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
#define PIECES 512 /* of 16 KiB: more than the kernel takes for a client that does not read */

static const struct enc_httpd_header text[] = {{"Content-Type", "text/plain"}, {NULL, NULL}};

struct server {
    struct enc_loop *loop;
    struct enc_httpd *httpd;
    struct enc_httpd_request *request; /* the last that came */
    int requests, gone, drained, idle, headers;
    bool refuse;
};

static void on_gone(void *data) {
    ((struct server *)data)->gone++;
}

static void on_drained(void *data) {
    ((struct server *)data)->drained++;
}

static bool on_request(void *data, struct enc_httpd_request *request) {
    struct server *server = data;
    server->requests++;
    server->request = request;
    if (server->refuse)
        return false;
    enc_httpd_listen_to(request, on_gone, on_drained, server);
    return true;
}

static void on_idle(void *data) {
    ((struct server *)data)->idle++;
}

static void open_server(struct server *server, const char *key) {
    struct enclave_error err = {0};
    *server = (struct server){.loop = enc_loop_new(NULL, &err)};
    assert_non_null(server->loop);
    struct enc_httpd_options options = {.host = "127.0.0.1",
                                        .api_key = key,
                                        .max_body = 1000,
                                        .max_bodies = 1500,
                                        .max_header = 2048,
                                        .max_connections = 50,
                                        .max_requests = 3,
                                        .idle_seconds = 60,
                                        .on_request = on_request,
                                        .on_idle = on_idle,
                                        .data = server};
    server->httpd = enc_httpd_open(server->loop, &options, &err);
    if (!server->httpd)
        fail_msg("open: %s", err.message);
}

static void close_server(struct server *server) {
    if (server->httpd)
        enc_httpd_close(server->httpd);
    turn_for(server->loop, SECONDS(0.03)); /* its handles close */
    assert_int_equal(enc_loop_operations(server->loop), 0);
    enc_loop_free(server->loop);
}

/* ---- the client ------------------------------------------------------------------------------ */

static int dial(struct server *server, int buffer) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)},
                                  .sin_port = htons((uint16_t)enc_httpd_port(server->httpd))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (buffer)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void say(int fd, const char *words) {
    assert_int_equal(send(fd, words, strlen(words), MSG_NOSIGNAL), (int)strlen(words));
}

/* Sends and waits until the request is with its user. */
static struct enc_httpd_request *ask(struct server *server, int fd, const char *words) {
    int before = server->requests;
    say(fd, words);
    UNTIL(server->loop, server->requests > before);
    turn_for(server->loop, SECONDS(0.03)); /* the connection is suspended by now */
    return server->request;
}

/* What comes until the end is in it, or until the server closes. */
static const char *hear(struct server *server, int fd, const char *end) {
    static char all[8192];
    size_t len = 0;
    enc_deadline until = enc_deadline_in(SECONDS(60));
    for (all[0] = '\0'; !end || !strstr(all, end);) {
        ssize_t got = recv(fd, all + len, sizeof all - 1 - len, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN) || enc_now() > until)
            break;
        if (got < 0)
            turn_a_while(server->loop);
        else
            all[len += (size_t)got] = '\0';
    }
    assert_true(enc_now() < until);
    return all;
}

static void expect(struct server *server, int fd, const char *end, const char *words) {
    const char *heard = hear(server, fd, end);
    if (!strstr(heard, words))
        fail_msg("no %s in %s", words, heard);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void count_header(void *data, const char *name, const char *value) {
    struct server *server = data;
    server->headers += strcmp(name, "X-One") == 0 && strcmp(value, "1") == 0;
}

static void test_whole(void **state) {
    struct server server;
    size_t len;
    char post[300];
    (void)state;
    open_server(&server, NULL);
    int fd = dial(&server, 0);
    struct enc_httpd_request *request = ask(&server, fd, GET);
    assert_string_equal(enc_httpd_method(request), "GET");
    assert_string_equal(enc_httpd_uri(request), "/a%20b?x=1");
    enc_httpd_headers(request, count_header, &server);
    assert_int_equal(server.headers, 1);
    assert_false(enc_httpd_is_gone(request));
    assert_int_equal(enc_httpd_busy(server.httpd), 1);
    assert_int_equal(enc_httpd_respond(request, 201, text, "hello", 5), 0);
    expect(&server, fd, "hello", "HTTP/1.1 201");
    snprintf(post, sizeof post, POST, 3, "abc");
    request = ask(&server, fd, post);
    assert_memory_equal(enc_httpd_body(request, &len), "abc", 4);
    assert_int_equal(len, 3);
    enc_httpd_drop_body(request);
    enc_httpd_body(request, &len);
    assert_int_equal(len, 0);
    enc_httpd_respond(request, 200, text, "", 0);
    expect(&server, fd, "\r\n\r\n", "Content-Length: 0");
    enc_httpd_respond(ask(&server, fd, GET), 200, text, "last", 4); /* the third and last */
    expect(&server, fd, NULL, "Connection: close");
    UNTIL(server.loop, enc_httpd_busy(server.httpd) == 0);
    assert_true(server.idle >= 1);
    assert_int_equal(server.gone, 0);
    close(fd);
    close_server(&server);
}

static void test_pieces(void **state) {
    struct server server;
    char piece[16384];
    (void)state;
    memset(piece, 'x', sizeof piece);
    open_server(&server, NULL);
    int fd = dial(&server, 4096);
    struct enc_httpd_request *request = ask(&server, fd, GET);
    assert_int_equal(enc_httpd_begin(request, 200, text), 0);
    expect(&server, fd, "\r\n\r\n", "Transfer-Encoding: chunked"); /* before any piece */
    enc_httpd_write(request, "one", 3);
    expect(&server, fd, "one\r\n", "3\r\none\r\n");
    for (int i = 0; i < PIECES; i++)
        assert_int_equal(enc_httpd_write(request, piece, sizeof piece), 0);
    turn_for(server.loop, SECONDS(0.05));
    assert_true(enc_httpd_unsent(request) >= ENC_HTTPD_FULL); /* nobody reads */
    assert_int_equal(server.drained, 0);
    size_t got = 0;
    bool ended = false, end_seen = false;
    while (!end_seen) {
        ssize_t now;
        while ((now = recv(fd, piece, sizeof piece, 0)) > 0) {
            got += (size_t)now;
            end_seen = ended && now >= 5 && memcmp(piece + now - 5, "0\r\n\r\n", 5) == 0;
        }
        if (!ended && server.drained && !enc_httpd_unsent(request)) {
            ended = true;
            turn_for(server.loop, SECONDS(0.03)); /* all is on its way: the end comes alone */
            continue;
        }
        if (ended && request) {
            enc_httpd_end(request, true);
            request = NULL;
        }
        turn_a_while(server.loop);
    }
    assert_true(got > PIECES * sizeof piece);
    assert_int_equal(server.drained, 1);
    request = ask(&server, fd, GET); /* the connection goes on */
    enc_httpd_begin(request, 200, text);
    enc_httpd_write(request, "part", 4);
    enc_httpd_end(request, false);
    assert_null(strstr(hear(&server, fd, NULL), "0\r\n\r\n")); /* cut */
    close(fd);
    close_server(&server);
}

/* In each state: waiting, waiting in the middle of pieces, with pieces that nobody reads. */
static void test_gone(void **state) {
    struct server server;
    char piece[16384] = {0};
    (void)state;
    open_server(&server, NULL);
    for (int how = 0; how < 3; how++) {
        int fd = dial(&server, 4096);
        struct enc_httpd_request *request = ask(&server, fd, GET);
        if (how)
            enc_httpd_begin(request, 200, text);
        for (int i = 0; how == 2 && i < PIECES; i++)
            enc_httpd_write(request, piece, sizeof piece);
        turn_for(server.loop, SECONDS(0.03));
        assert_int_equal(server.gone, how);
        close(fd);
        UNTIL(server.loop, server.gone == how + 1);
        assert_true(enc_httpd_is_gone(request));
        turn_for(server.loop, SECONDS(0.03));
        if (how) { /* which goes nowhere, and harms nothing */
            enc_httpd_write(request, piece, sizeof piece);
            enc_httpd_end(request, true);
        } else {
            enc_httpd_respond(request, 503, text, "gone", 4);
        }
        UNTIL(server.loop, enc_httpd_busy(server.httpd) == 0);
    }
    int fd = dial(&server, 0); /* only its own side */
    say(fd, GET);
    shutdown(fd, SHUT_WR);
    UNTIL(server.loop, server.requests == 4);
    enc_httpd_respond(server.request, 200, text, "still", 5);
    expect(&server, fd, NULL, "still");
    close(fd);
    for (int cut = 1; cut < (int)strlen(GET); cut += 7) { /* nothing of it stays */
        char part[100];
        snprintf(part, sizeof part, "%.*s", cut, GET);
        fd = dial(&server, 0);
        say(fd, part);
        if (cut % 2)
            turn_a_while(server.loop);
        close(fd);
    }
    UNTIL(server.loop, enc_httpd_busy(server.httpd) == 0);
    assert_int_equal(server.requests, 4);
    close_server(&server);
}

static void test_limits(void **state) {
    struct server server;
    char words[8000], filler[4000];
    (void)state;
    memset(filler, 'y', sizeof filler);
    open_server(&server, "secret");
    static const char *const refused[] = {
        "", "X-API-Key: secre\r\n", "X-API-Key: \r\n", "Authorization: Bearer x\r\n"};
    for (int i = 0; i < 6; i++) {
        int fd = dial(&server, 0);
        if (i < 4)
            snprintf(words, sizeof words, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", refused[i]);
        else if (i == 4)
            snprintf(
                words, sizeof words, "GET / HTTP/1.1\r\nHost: x\r\nX: %.3000s\r\n\r\n", filler);
        else
            snprintf(words, sizeof words, "GET /%.3000s HTTP/1.1\r\nHost: x\r\n\r\n", filler);
        say(fd, words);
        const char *expected = i < 4 ? "HTTP/1.1 401" : i == 4 ? "HTTP/1.1 431" : "HTTP/1.1 414";
        expect(&server, fd, "\"}", expected);
        close(fd);
    }
    for (int i = 0; i < 2; i++) { /* a length that is too large, and bytes that are too many */
        int fd = dial(&server, 0);
        snprintf(words,
                 sizeof words,
                 "POST / HTTP/1.1\r\nHost: x\r\nX-API-Key: secret\r\n%s%.1500s",
                 i ? "Transfer-Encoding: chunked\r\n\r\n5dc\r\n" : "Content-Length: 1001\r\n\r\n",
                 filler);
        say(fd, words);
        say(fd, "\r\n0\r\n\r\n");
        expect(&server, fd, "\"}", "HTTP/1.1 413");
        close(fd);
    }
    assert_int_equal(server.requests, 0);
    server.refuse = true;
    int fd = dial(&server, 0);
    say(fd, "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\n\r\n");
    assert_string_equal(hear(&server, fd, NULL), "");
    close(fd);
    close_server(&server);
}

/* Large answers count for the bodies until they are sent. */
static void test_large_answers(void **state) {
    struct server server;
    static const char bytes[ENC_HTTPD_FULL + 1];
    (void)state;
    open_server(&server, NULL);
    int fd = dial(&server, 0);
    enc_httpd_respond(ask(&server, fd, GET), 200, text, bytes, sizeof bytes);
    expect(&server, fd, "\"}", "HTTP/1.1 503");
    enc_httpd_respond(ask(&server, fd, GET), 200, text, "fine", 4);
    expect(&server, fd, "fine", "HTTP/1.1 200");
    close(fd);
    close_server(&server);
}

/* A byte now and then keeps neither a head nor a body going for ever. */
static void test_slow(void **state) {
    struct server server;
    (void)state;
    open_server(&server, NULL);
    enc_httpd_close(server.httpd);
    struct enc_httpd_options options = {.host = "127.0.0.1",
                                        .max_body = 1000,
                                        .max_bodies = 1000,
                                        .max_header = 2048,
                                        .max_connections = 50,
                                        .idle_seconds = 1,
                                        .request_seconds = 1,
                                        .on_request = on_request,
                                        .data = &server};
    struct enclave_error err = {0};
    server.httpd = enc_httpd_open(server.loop, &options, &err);
    assert_non_null(server.httpd);
    static const char *const begins[] = {
        "GET / HTTP/1.1\r\nX: ", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n"};
    for (int i = 0; i < 2; i++) {
        int fd = dial(&server, 0);
        enc_deadline began = enc_now();
        char byte;
        for (say(fd, begins[i]); recv(fd, &byte, 1, 0) != 0 && errno == EAGAIN;) {
            if (send(fd, "y", 1, MSG_NOSIGNAL) < 0)
                break;
            turn_for(server.loop, SECONDS(0.1));
            assert_true(enc_now() - began < SECONDS(60));
        }
        assert_true(enc_now() - began > SECONDS(1.9));
        close(fd);
    }
    assert_int_equal(server.requests, 0);
    close_server(&server);
}

/* How often the server is turned before it is closed, with requests in every state. */
static void test_closed(void **state) {
    (void)state;
    for (int how = 0; how < 5; how++) {
        struct server server;
        char piece[16384] = {0};
        int fds[4];
        open_server(&server, NULL);
        for (int i = 0; i < 4; i++)
            fds[i] = dial(&server, 4096);
        say(fds[0], "GET / HT");
        say(fds[1], "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
        struct enc_httpd_request *request = ask(&server, fds[2], GET);
        if (how >= 1)
            enc_httpd_begin(request, 200, text);
        if (how >= 2)
            enc_httpd_write(request, piece, sizeof piece);
        if (how >= 3)
            enc_httpd_end(request, true);
        if (how >= 4)
            turn_for(server.loop, SECONDS(0.02));
        ask(&server, fds[3], GET);
        enc_httpd_quiesce(server.httpd);
        enc_httpd_close(server.httpd);
        server.httpd = NULL;
        assert_int_equal(server.gone, 0);
        close_server(&server);
        for (int i = 0; i < 4; i++)
            close(fds[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole),
                                       cmocka_unit_test(test_pieces),
                                       cmocka_unit_test(test_gone),
                                       cmocka_unit_test(test_limits),
                                       cmocka_unit_test(test_large_answers),
                                       cmocka_unit_test(test_slow),
                                       cmocka_unit_test(test_closed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
