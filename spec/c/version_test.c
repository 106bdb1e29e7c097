/* Which version of its API is spoken with a Docker Engine, also with one that comes back as
 * another; engines played by a server. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "docker.h"
#include "setting.h"

/* What the engine says of itself, and what it was asked last, with and without a version. */
static char about[200], asked[200];

static void serve(struct server *server, int fd) {
    char text[2048], reply[512];
    while (server_request(server, fd, text, sizeof text)) {
        bool hello = !strncmp(text, "GET /version ", 13);
        const char *body = hello ? about : "{}";
        if (!hello)
            snprintf(asked, sizeof asked, "%.*s", (int)strcspn(text, "\r"), text);
        snprintf(reply,
                 sizeof reply,
                 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 strlen(body),
                 body);
        server_say(fd, reply);
    }
}

struct call {
    bool done;
    struct enclave_error err;
};

static void on_done(void *data, json_t *reply, const struct enclave_error *err) {
    struct call *call = data;
    (void)reply;
    call->done = true;
    if (err)
        call->err = *err;
}

static struct call version(struct enc_docker *docker, struct enc_loop *loop) {
    struct call call = {0};
    struct enc_docker_for answer = {enc_deadline_in(20 * ENC_NS_PER_S), on_done, &call};
    assert_non_null(enc_docker_version(docker, answer, NULL));
    while (!call.done)
        enc_loop_turn(loop, true);
    return call;
}

static void speaks_what_both_speak(void **state) {
    (void)state;
    static const struct {
        const char *about, *asked;
        enum enclave_code code;
        const char *why;
    } engines[] = {
        {"{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}",
         "GET /v1.41/version HTTP/1.1",
         0,
         0},
        {"{\"ApiVersion\":\"1.52\",\"MinAPIVersion\":\"1.44\"}",
         "GET /v1.52/version HTTP/1.1",
         0,
         0},
        {"{\"ApiVersion\":\"1.60\",\"MinAPIVersion\":\"1.44\"}",
         "GET /v1.52/version HTTP/1.1",
         0,
         0},
        {"{\"ApiVersion\":\"1.47\"}", "GET /v1.47/version HTTP/1.1", 0, 0},
        {"{\"ApiVersion\":\"\\t +001.0047\"}", "", ENCLAVE_PROTOCOL, "is no Docker Engine"},
        {"{\"ApiVersion\":\"  1.047\"}", "GET /v1.47/version HTTP/1.1", 0, 0},
        {"{\"ApiVersion\":\"-1.47\"}", "", ENCLAVE_PROTOCOL, "is no Docker Engine"},
        {"{\"ApiVersion\":\"1.70\",\"MinAPIVersion\":\"1.53\"}",
         "",
         ENCLAVE_UNAVAILABLE,
         "speaks API 1.53 to 1.70, and this program 1.41 to 1.52: update the older one"},
        {"{\"ApiVersion\":\"1.40\",\"MinAPIVersion\":\"1.12\"}",
         "",
         ENCLAVE_UNAVAILABLE,
         "speaks API 1.12 to 1.40"},
        {"{\"ApiVersion\":\"new\"}", "", ENCLAVE_PROTOCOL, "is no Docker Engine"},
        {"{}", "", ENCLAVE_PROTOCOL, "is no Docker Engine"},
        {"pong", "", ENCLAVE_PROTOCOL, ""},
    };
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
        struct setting at;
        open_setting(&at, false, serve);
        struct enc_docker *docker = enc_docker_new(at.loop, &at.endpoint, NULL);
        snprintf(about, sizeof about, "%s", engines[i].about);
        *asked = '\0';
        struct call call = version(docker, at.loop);
        assert_int_equal(call.err.code, engines[i].code);
        assert_string_equal(asked, engines[i].asked);
        if (engines[i].why)
            assert_non_null(strstr(call.err.message, engines[i].why));
        enc_docker_free(docker);
        close_setting(&at);
    }
}

static void an_engine_that_was_away_may_be_another(void **state) {
    (void)state;
    struct setting at;
    char path[80];
    open_setting(&at, false, serve);
    struct enc_docker *docker = enc_docker_new(at.loop, &at.endpoint, NULL);
    strcpy(about, "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}");
    assert_int_equal(version(docker, at.loop).err.code, 0);
    assert_string_equal(enc_docker_api_version(docker), "1.41");

    enc_loop_drop_idle(at.loop);
    snprintf(path, sizeof path, "%s.away", at.server.path);
    assert_int_equal(rename(at.server.path, path), 0);
    assert_int_equal(version(docker, at.loop).err.code, ENCLAVE_UNAVAILABLE);
    assert_int_equal(version(docker, at.loop).err.code, ENCLAVE_UNAVAILABLE);
    assert_string_equal(enc_docker_api_version(docker), "1.41");

    strcpy(about, "{\"ApiVersion\":\"1.52\",\"MinAPIVersion\":\"1.44\"}");
    assert_int_equal(rename(path, at.server.path), 0);
    assert_int_equal(version(docker, at.loop).err.code, 0);
    assert_string_equal(asked, "GET /v1.52/version HTTP/1.1");
    assert_string_equal(enc_docker_api_version(docker), "1.52");
    enc_docker_free(docker);
    close_setting(&at);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speaks_what_both_speak),
        cmocka_unit_test(an_engine_that_was_away_may_be_another),
    };
    return cmocka_run_group_tests_name("version", tests, NULL, NULL);
}
