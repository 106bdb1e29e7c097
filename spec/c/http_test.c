/* HTTP requests against a server that answers well, badly, slowly or not at all. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "http.h"
#include "setting.h"

struct fetch {
    struct enc_http *http;
    bool done;
    int status;
    double retry_after;
    char body[256], type[64];
    size_t len, pieces, enough;
    struct enclave_error err;
    struct fetch *cancels; /* this one, when done */
};

static void on_done(void *data, struct enc_http_reply *reply, const struct enclave_error *err) {
    struct fetch *fetch = data;
    assert_false(fetch->done);
    fetch->done = true;
    if (fetch->cancels)
        enc_http_cancel(fetch->cancels->http);
    if (err) {
        fetch->err = *err;
        assert_null(reply);
        return;
    }
    fetch->status = reply->status;
    fetch->retry_after = reply->retry_after;
    fetch->len += reply->body.len;
    strcpy(fetch->type, reply->content_type);
    if (reply->body.len)
        snprintf(fetch->body, sizeof fetch->body, "%s", reply->body.data);
}

static bool on_data(void *data, const char *bytes, size_t len) {
    struct fetch *fetch = data;
    (void)bytes;
    fetch->len += len;
    fetch->pieces++;
    return !fetch->enough || fetch->len < fetch->enough;
}

static struct enc_http_request get(struct fetch *fetch, const struct enc_endpoint *endpoint) {
    return (struct enc_http_request){.endpoint = endpoint,
                                     .op = "test.get",
                                     .method = "GET",
                                     .path = "/thing?x=1",
                                     .deadline = enc_deadline_in(30 * ENC_NS_PER_S),
                                     .on_done = on_done,
                                     .data = fetch};
}

static void wait_for(struct enc_loop *loop, struct fetch *fetch) {
    while (!fetch->done)
        enc_loop_turn(loop, true);
}

/* One request; what the server got is in seen. */
static char seen[4096];

static void serve_echo(struct server *server, int fd) {
    char reply[8192];
    while (server_request(server, fd, seen, sizeof seen)) {
        char *body = strstr(seen, "\r\n\r\n") + 4;
        snprintf(reply,
                 sizeof reply,
                 "HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nRetry-After: 7\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 strlen(body) + 1,
                 body);
        server_say(fd, reply);
        server_say(fd, "!");
    }
}

static void round_trip(void **state) {
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct setting at;
        open_setting(&at, tcp, serve_echo);
        const char *const headers[] = {"X-Mine: 5", NULL};
        for (int i = 0; i < 3; i++) {
            struct fetch fetch = {0};
            struct enc_http_request request = get(&fetch, &at.endpoint);
            request.method = "POST";
            request.headers = headers;
            request.body = "hello";
            request.body_len = 5;
            assert_non_null(enc_http_start(at.loop, &request, NULL));
            assert_false(fetch.done); /* never from inside */
            wait_for(at.loop, &fetch);
            assert_int_equal(fetch.status, 200);
            assert_string_equal(fetch.body, "hello!");
            assert_string_equal(fetch.type, "text/x");
            assert_true(fetch.retry_after == 7);
            assert_memory_equal(seen, "POST /thing?x=1 HTTP/1.1\r\n", 26);
            assert_non_null(strstr(seen, "\r\nX-Mine: 5\r\n"));
            assert_null(strcasestr(seen, "expect:"));
            assert_null(strcasestr(seen, "content-type:"));
        }
        assert_int_equal(at.server.connections, 1); /* reused */
        close_setting(&at);
    }
}

static void serve_stream(struct server *server, int fd) {
    char request[4096];
    if (!server_request(server, fd, request, sizeof request))
        return;
    server_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        server_say(fd, "4\r\nabcd\r\n");
        usleep(5000);
    }
    server_say(fd, "0\r\n\r\n");
}

static void streams_a_reply(void **state) {
    (void)state;
    struct setting at;
    open_setting(&at, false, serve_stream);
    struct fetch fetch = {0};
    struct enc_http_request request = get(&fetch, &at.endpoint);
    request.on_data = on_data;
    request.max_reply = 1; /* is for what is collected */
    assert_non_null(enc_http_start(at.loop, &request, NULL));
    wait_for(at.loop, &fetch);
    assert_int_equal(fetch.status, 200);
    assert_int_equal(fetch.len, 20);
    assert_true(fetch.pieces >= 1);

    struct fetch enough = {.enough = 4};
    request = get(&enough, &at.endpoint);
    request.on_data = on_data;
    assert_non_null(enc_http_start(at.loop, &request, NULL));
    wait_for(at.loop, &enough);
    assert_int_equal(enough.err.code, ENCLAVE_CANCELLED);
    close_setting(&at);
}

static void serve_refusal(struct server *server, int fd) {
    char request[4096];
    while (server_request(server, fd, request, sizeof request))
        server_say(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope");
}

static void a_refusal_is_collected(void **state) {
    (void)state;
    struct setting at;
    open_setting(&at, false, serve_refusal);
    struct fetch fetch = {0};
    struct enc_http_request request = get(&fetch, &at.endpoint);
    request.on_data = on_data;
    assert_non_null(enc_http_start(at.loop, &request, NULL));
    wait_for(at.loop, &fetch);
    assert_int_equal(fetch.status, 404);
    assert_int_equal(fetch.pieces, 0);
    assert_string_equal(fetch.body, "nope");
    close_setting(&at);
}

static const char *bad_reply;

static void serve_bad(struct server *server, int fd) {
    char request[4096];
    if (server_request(server, fd, request, sizeof request))
        server_say(fd, bad_reply);
}

static void bad_replies(void **state) {
    (void)state;
    static const struct {
        const char *reply;
        enum enclave_code code;
    } cases[] = {
        {"", ENCLAVE_UNAVAILABLE},
        {"garbage that is no HTTP at all\r\n\r\n", ENCLAVE_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", ENCLAVE_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Le", ENCLAVE_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ENCLAVE_UNAVAILABLE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n12345678901234567890", ENCLAVE_PROTOCOL},
    };
    struct setting at;
    open_setting(&at, true, serve_bad);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fetch fetch = {0};
        struct enc_http_request request = get(&fetch, &at.endpoint);
        bad_reply = cases[i].reply;
        request.max_reply = 10;
        assert_non_null(enc_http_start(at.loop, &request, NULL));
        wait_for(at.loop, &fetch);
        if (fetch.err.code != cases[i].code)
            fail_msg("case %zu: %d %s", i, fetch.err.code, fetch.err.message);
        assert_string_equal(fetch.err.op, "test.get");
    }
    close_setting(&at);
}

static void serve_nothing(struct server *server, int fd) {
    server_wait(server, fd);
}

static void deadlines_and_cancelling(void **state) {
    (void)state;
    struct setting at;
    open_setting(&at, false, serve_nothing);
    struct fetch fetch = {0}, other = {0};
    struct enc_http_request request = get(&fetch, &at.endpoint);
    enc_deadline deadline = enc_deadline_in(30 * ENC_NS_PER_MS);
    request.deadline = deadline;
    fetch.cancels = &other;
    assert_non_null(enc_http_start(at.loop, &request, NULL));
    request = get(&other, &at.endpoint);
    other.http = enc_http_start(at.loop, &request, NULL);
    assert_non_null(other.http);
    assert_true(enc_loop_operations(at.loop) >= 2);
    wait_for(at.loop, &fetch);
    assert_true(enc_now() >= deadline);
    assert_int_equal(fetch.err.code, ENCLAVE_TIMEOUT);
    assert_int_equal(enc_loop_operations(at.loop), 0);

    struct fetch none = {0};
    request = get(&none, &at.endpoint);
    request.deadline = 0;
    assert_non_null(enc_http_start(at.loop, &request, NULL));
    wait_for(at.loop, &none);
    assert_int_equal(none.err.code, ENCLAVE_TIMEOUT);
    enc_loop_turn(at.loop, false);
    assert_false(other.done);
    close_setting(&at);
}

static void unreachable(void **state) {
    (void)state;
    static const struct {
        const char *host, *word;
    } cases[] = {
        {"unix:///nowhere/at/all.sock", "No such file"},
        {"tcp://127.0.0.1:1", "refused"},
        {"tcp://no-such-host.invalid:80", "no-such-host"},
    };
    struct enc_loop *loop = enc_loop_new(NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct enc_endpoint endpoint;
        assert_int_equal(enc_endpoint_parse(&endpoint, cases[i].host, NULL, false, true, NULL), 0);
        struct fetch fetch = {0};
        struct enc_http_request request = get(&fetch, &endpoint);
        assert_non_null(enc_http_start(loop, &request, NULL));
        wait_for(loop, &fetch);
        assert_int_equal(fetch.err.code, ENCLAVE_UNAVAILABLE);
        if (!strstr(fetch.err.message, cases[i].word) || !strstr(fetch.err.message, cases[i].host))
            fail_msg("case %zu: %s", i, fetch.err.message);
        enc_endpoint_free(&endpoint);
    }
    struct fetch fetch = {0};
    struct enc_http_request request = get(&fetch, NULL);
    request.path = "ftp://127.0.0.1/x";
    assert_non_null(enc_http_start(loop, &request, NULL));
    wait_for(loop, &fetch);
    assert_int_equal(fetch.err.code, ENCLAVE_INVALID);

    const char *const headers[] = {"X-A: b\r\nX-Evil: 1", NULL};
    struct enclave_error err = {0};
    request.headers = headers;
    assert_null(enc_http_start(loop, &request, &err));
    assert_int_equal(err.code, ENCLAVE_INVALID);
    enc_loop_free(loop);
}

static void absolute_urls(void **state) {
    (void)state;
    struct setting at;
    open_setting(&at, true, serve_refusal);
    struct fetch fetch = {0};
    struct enc_http_request request = get(&fetch, NULL);
    char url[200];
    snprintf(url, sizeof url, "%s/x", at.endpoint.base_url);
    request.path = url;
    assert_non_null(enc_http_start(at.loop, &request, NULL));
    wait_for(at.loop, &fetch);
    assert_int_equal(fetch.status, 404);
    close_setting(&at);
}

static void endpoints(void **state) {
    (void)state;
    static const struct {
        const char *host;
        bool tls;
        const char *url; /* NULL: not understood */
    } cases[] = {
        {"unix:///var/run/docker.sock", false, "http://localhost"},
        {"tcp://host:2375", false, "http://host:2375"},
        {"tcp://host:2376", true, "https://host:2376"},
        {"tcp://host", false, "http://host:2375"},
        {"tcp://host", true, "https://host:2376"},
        {"tcp://[::1]:99/", false, "http://[::1]:99"},
        {"tcp://[::1]", false, "http://[::1]:2375"},
        {"host:2375", false, "http://host:2375"},
        {"[::1]", true, "https://[::1]:2376"},
        {"http://host", true, "http://host"},
        {"https://host:1", false, "https://host:1"},
        {"unix://relative", false, NULL},
        {"tcp://", false, NULL},
        {"tcp://host/path", false, NULL},
        {"tcp://user@host", false, NULL},
        {"ssh://host", false, NULL},
        {"npipe:////./pipe/docker_engine", false, NULL},
        {"unix:/var/run/docker.sock", false, NULL},
        {"/var/run/docker.sock", false, NULL},
        {"", false, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct enc_endpoint endpoint;
        struct enclave_error err = {0};
        int rc = enc_endpoint_parse(&endpoint, cases[i].host, "/certs", cases[i].tls, true, &err);
        if (!cases[i].url) {
            assert_int_equal(rc, -1);
            assert_int_equal(err.code, ENCLAVE_INVALID);
            assert_non_null(strstr(err.message, cases[i].host));
            continue;
        }
        assert_int_equal(rc, 0);
        assert_string_equal(endpoint.base_url, cases[i].url);
        if (!strncmp(endpoint.base_url, "https", 5))
            assert_string_equal(endpoint.ca_file, "/certs/ca.pem");
        else
            assert_null(endpoint.ca_file);
        enc_endpoint_free(&endpoint);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(streams_a_reply),
        cmocka_unit_test(a_refusal_is_collected),
        cmocka_unit_test(bad_replies),
        cmocka_unit_test(deadlines_and_cancelling),
        cmocka_unit_test(unreachable),
        cmocka_unit_test(absolute_urls),
        cmocka_unit_test(endpoints),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
