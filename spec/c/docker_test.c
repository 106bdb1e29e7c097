/* The client against the real Docker Engine of DOCKER_HOST, with the image of
 * ENCLAVE_IMAGE. It fails, rather than skips, when there is none. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "docker.h"

static const char *image(void) {
    const char *name = getenv("ENCLAVE_IMAGE");
    return name && *name ? name : "enclave/python:3.11";
}

struct asked {
    bool done;
    json_t *reply;
    struct enclave_error err;
    struct enc_buf data;
    int lines;
    struct enc_docker *frees; /* when done */
};

static void on_done(void *data, json_t *reply, const struct enclave_error *err) {
    struct asked *asked = data;
    assert_false(asked->done);
    asked->done = true;
    asked->reply = json_incref(reply);
    if (err)
        asked->err = *err;
    enc_docker_free(asked->frees);
}

static bool on_data(void *data, const char *bytes, size_t len) {
    struct asked *asked = data;
    return enc_buf_append(&asked->data, bytes, len);
}

static void on_progress(
    void *data, const char *layer, const char *status, long long current, long long total) {
    struct asked *asked = data;
    assert_true(layer && status && current >= 0 && total >= 0);
    asked->lines++;
}

static void on_event(void *data, json_t *event) {
    struct asked *asked = data;
    assert_true(json_is_object(event));
    asked->lines++;
}

static struct enc_loop *loop;
static struct enc_docker *docker;

static struct enc_docker_for answer(struct asked *asked) {
    *asked = (struct asked){0};
    return (struct enc_docker_for){enc_deadline_in(60 * ENC_NS_PER_S), on_done, asked};
}

/* CALL(asked, container_start, id): waits for its end. */
#define CALL(asked, name, ...)                                                                     \
    do {                                                                                           \
        assert_non_null(enc_docker_##name(docker, __VA_ARGS__, answer(asked), NULL));              \
        assert_false((asked)->done);                                                               \
        while (!(asked)->done)                                                                     \
            enc_loop_turn(loop, true);                                                             \
    } while (0)

static void release(struct asked *asked) {
    json_decref(asked->reply);
    enc_buf_free(&asked->data);
}

#define FINE(asked)                                                                                \
    do {                                                                                           \
        if ((asked)->err.code)                                                                     \
            fail_msg("%s: %s", (asked)->err.op, (asked)->err.message);                             \
    } while (0)

static void version_is_negotiated(void **state) {
    (void)state;
    struct asked first, second;
    struct enc_docker *own = enc_docker_from_env(loop, NULL, NULL);
    assert_non_null(own);
    assert_null(enc_docker_api_version(own));
    /* Both wait for the one negotiation. */
    assert_non_null(enc_docker_version(own, answer(&first), NULL));
    assert_non_null(enc_docker_version(own, answer(&second), NULL));
    while (!first.done || !second.done)
        enc_loop_turn(loop, true);
    FINE(&first);
    FINE(&second);
    assert_true(strtod(enc_docker_api_version(own), NULL) >= 1.41);
    assert_string_equal(json_string_value(json_object_get(first.reply, "Os")), "linux");
    release(&first);
    release(&second);
    enc_docker_free(own);
}

static void a_call_can_be_cancelled_and_the_client_freed(void **state) {
    (void)state;
    struct asked asked, other;
    struct enc_docker *own = enc_docker_from_env(loop, NULL, NULL);
    struct enc_docker_call *call = enc_docker_version(own, answer(&asked), NULL);
    enc_docker_cancel(call);
    assert_int_equal(enc_loop_operations(loop), 0); /* and the negotiation with it */
    enc_docker_version(own, answer(&asked), NULL);
    assert_non_null(enc_docker_events(own, NULL, on_event, answer(&other), NULL));
    asked.frees = own;
    while (!asked.done)
        enc_loop_turn(loop, true);
    FINE(&asked);
    assert_false(other.done);
    assert_int_equal(enc_loop_operations(loop), 0);
    release(&asked);
}

static void unreachable_says_what_to_do(void **state) {
    (void)state;
    struct asked asked;
    struct enc_docker *own = enc_docker_from_env(loop, "unix:///nowhere/docker.sock", NULL);
    for (int i = 0; i < 2; i++) {
        assert_non_null(enc_docker_version(own, answer(&asked), NULL));
        while (!asked.done)
            enc_loop_turn(loop, true);
        assert_int_equal(asked.err.code, ENCLAVE_UNAVAILABLE);
        assert_string_equal(asked.err.op, "docker.version");
        assert_non_null(strstr(asked.err.message, "unix:///nowhere/docker.sock"));
        assert_non_null(strstr(asked.err.message, "DOCKER_HOST"));
    }
    enc_docker_free(own);
    struct enclave_error err = {0};
    assert_null(enc_docker_from_env(loop, "ssh://x", &err));
    assert_int_equal(err.code, ENCLAVE_INVALID);
}

static void images(void **state) {
    (void)state;
    struct asked asked;
    CALL(&asked, image_inspect, image());
    FINE(&asked);
    assert_non_null(json_object_get(asked.reply, "Id"));
    release(&asked);
    CALL(&asked, image_inspect, "enclave/no-such-image:9");
    assert_int_equal(asked.err.code, ENCLAVE_DOCKER);
    assert_int_equal(asked.err.http_status, 404);
    assert_non_null(strstr(asked.err.message, "enclave/no-such-image:9"));
    CALL(&asked, image_inspect, "../../info?x=");
    assert_int_equal(asked.err.code, ENCLAVE_DOCKER);
    /* No registry listens there: Docker's own words come through. */
    CALL(&asked, image_pull, "127.0.0.1:1/none:x", NULL, NULL, on_progress);
    assert_int_equal(asked.err.code, ENCLAVE_DOCKER);
    assert_non_null(strstr(asked.err.message, "127.0.0.1:1"));
    /* Docker would pull every tag that there is. */
    struct enclave_error err = {0};
    assert_null(
        enc_docker_image_pull(docker, "127.0.0.1:1/none:", NULL, NULL, NULL, answer(&asked), &err));
    assert_int_equal(err.code, ENCLAVE_INVALID);
}

struct talk {
    bool open, ended;
    struct enclave_error err;
    struct enc_demux demux;
    struct enc_buf out;
};

static void on_open(void *data) {
    ((struct talk *)data)->open = true;
}

static bool on_output(void *data, int stream, const char *bytes, size_t len) {
    struct talk *talk = data;
    return enc_buf_printf(&talk->out, "%d:", stream) && enc_buf_append(&talk->out, bytes, len);
}

static void on_bytes(void *data, const char *bytes, size_t len) {
    struct talk *talk = data;
    assert_int_equal(enc_demux_feed(&talk->demux, bytes, len, on_output, talk), 0);
}

static void on_end(void *data, const struct enclave_error *err) {
    struct talk *talk = data;
    talk->ended = true;
    if (err)
        talk->err = *err;
}

static const struct enc_stream_events events = {on_open, on_bytes, on_end};

static void containers(void **state) {
    (void)state;
    struct asked asked;
    char name[64], id[80], label[64];
    snprintf(name, sizeof name, "enclave-docker-test-%d", (int)getpid());
    snprintf(label, sizeof label, "enclave.test=%d", (int)getpid());
    json_t *body = json_pack("{s:s, s:[s,s,s], s:b, s:b, s:b, s:b, s:b, s:{s:i}, s:{s:s}}",
                             "Image",
                             image(),
                             "Cmd",
                             "sh",
                             "-c",
                             "echo hi; cat; echo end >&2; exec sleep 1000",
                             "OpenStdin",
                             1,
                             "StdinOnce",
                             1,
                             "AttachStdin",
                             1,
                             "AttachStdout",
                             1,
                             "AttachStderr",
                             1,
                             "Labels",
                             "enclave.test",
                             (int)getpid(),
                             "HostConfig",
                             "NetworkMode",
                             "none");
    /* labels are strings */
    json_object_set_new(
        json_object_get(body, "Labels"), "enclave.test", json_string(strchr(label, '=') + 1));
    CALL(&asked, container_create, name, NULL, body);
    FINE(&asked);
    snprintf(id, sizeof id, "%s", json_string_value(json_object_get(asked.reply, "Id")));
    release(&asked);
    CALL(&asked, container_create, name, NULL, body);
    assert_int_equal(asked.err.http_status, 409);
    json_decref(body);

    struct asked seen;
    struct enc_docker_call *watching =
        enc_docker_events(docker, label, on_event, answer(&seen), NULL);
    struct talk talk = {0}, exec = {0};
    struct enc_stream *stream =
        enc_docker_attach(docker, id, enc_deadline_in(30 * ENC_NS_PER_S), &events, &talk, NULL);
    assert_non_null(stream);
    while (!talk.open && !talk.ended)
        enc_loop_turn(loop, true);
    assert_true(talk.open);
    CALL(&asked, container_start, id);
    FINE(&asked);
    enc_stream_write(stream, "input\n", 6);
    enc_stream_end(stream);
    /* The two streams reach the engine by pipes of their own: their order is not promised. */
    while (!talk.out.data || !strstr(talk.out.data, "end") || !strstr(talk.out.data, "input"))
        enc_loop_turn(loop, true);
    static const char *const orders[] = {"1:hi\n2:end\n1:input\n",
                                         "1:hi\ninput\n2:end\n", /* read in one piece */
                                         "2:end\n1:hi\ninput\n",
                                         "1:hi\n1:input\n2:end\n"};
    size_t order = 0;
    while (order < 3 && strcmp(talk.out.data, orders[order]) != 0)
        order++;
    assert_string_equal(talk.out.data, orders[order]);

    CALL(&asked, container_list, label, true);
    FINE(&asked);
    assert_int_equal(json_array_size(asked.reply), 1);
    release(&asked);

    body = json_pack("{s:[s,s,s], s:b, s:b}",
                     "Cmd",
                     "sh",
                     "-c",
                     "echo out; exit 7",
                     "AttachStdout",
                     1,
                     "AttachStderr",
                     1);
    CALL(&asked, exec_create, id, body);
    FINE(&asked);
    json_decref(body);
    char exec_id[80];
    snprintf(exec_id, sizeof exec_id, "%s", json_string_value(json_object_get(asked.reply, "Id")));
    release(&asked);
    struct enc_stream *run = enc_docker_exec_start(
        docker, exec_id, enc_deadline_in(30 * ENC_NS_PER_S), &events, &exec, NULL);
    while (!exec.ended)
        enc_loop_turn(loop, true);
    assert_int_equal(exec.err.code, 0);
    assert_string_equal(exec.out.data, "1:out\n");
    enc_stream_close(run);
    CALL(&asked, exec_inspect, exec_id);
    FINE(&asked);
    assert_int_equal(json_integer_value(json_object_get(asked.reply, "ExitCode")), 7);
    release(&asked);

    CALL(&asked, archive_get, id, "/etc/hostname", on_data);
    FINE(&asked);
    assert_true(asked.data.len >= 1024);
    assert_memory_equal(asked.data.data, "hostname", 8);
    struct enc_buf tar = enc_buf_steal(&asked.data);
    CALL(&asked, archive_put, id, "/tmp", tar.data, tar.len);
    FINE(&asked);
    enc_buf_free(&tar);
    CALL(&asked, archive_get, id, "/tmp/hostname", on_data);
    FINE(&asked);
    release(&asked);
    CALL(&asked, archive_get, id, "/no such/file", on_data);
    assert_int_equal(asked.err.http_status, 404);
    assert_int_equal(asked.data.len, 0);

    CALL(&asked, container_kill, id, "KILL");
    FINE(&asked);
    while (!talk.ended)
        enc_loop_turn(loop, true);
    enc_stream_close(stream);
    enc_buf_free(&talk.out);
    enc_buf_free(&exec.out);
    CALL(&asked, container_inspect, id);
    FINE(&asked);
    while (!seen.lines) /* at least its start was told */
        enc_loop_turn(loop, true);
    enc_docker_cancel(watching);
    json_t *alive = json_object_get(json_object_get(asked.reply, "State"), "Running");
    assert_true(json_is_false(alive));
    release(&asked);
    CALL(&asked, container_remove, id, true);
    FINE(&asked);
    CALL(&asked, container_start, id);
    assert_int_equal(asked.err.code, ENCLAVE_DOCKER);
    assert_int_equal(asked.err.http_status, 404);
    assert_string_equal(asked.err.op, "container.start");
    struct talk none = {0};
    stream =
        enc_docker_attach(docker, id, enc_deadline_in(30 * ENC_NS_PER_S), &events, &none, NULL);
    while (!none.ended)
        enc_loop_turn(loop, true);
    assert_int_equal(none.err.http_status, 404);
    assert_non_null(strstr(none.err.message, "No such container"));
    enc_stream_close(stream);
}

static void volumes(void **state) {
    (void)state;
    struct asked asked;
    char name[64];
    snprintf(name, sizeof name, "enclave-docker-test-%d", (int)getpid());
    json_t *labels = json_pack("{s:s}", "a", "b");
    CALL(&asked, volume_create, name, labels);
    FINE(&asked);
    json_decref(labels);
    release(&asked);
    CALL(&asked, volume_inspect, name);
    FINE(&asked);
    release(&asked);
    CALL(&asked, volume_remove, name, true);
    FINE(&asked);
    CALL(&asked, volume_inspect, name);
    assert_int_equal(asked.err.http_status, 404);
}

static int set_up(void **state) {
    (void)state;
    loop = enc_loop_new(NULL, NULL);
    docker = enc_docker_from_env(loop, NULL, NULL);
    return loop && docker ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    enc_docker_free(docker);
    assert_int_equal(enc_loop_operations(loop), 0);
    enc_loop_free(loop);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_is_negotiated),
        cmocka_unit_test(a_call_can_be_cancelled_and_the_client_freed),
        cmocka_unit_test(unreachable_says_what_to_do),
        cmocka_unit_test(images),
        cmocka_unit_test(containers),
        cmocka_unit_test(volumes),
    };
    return cmocka_run_group_tests_name("docker", tests, set_up, tear_down);
}
