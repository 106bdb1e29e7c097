/* Containers, execs, volumes, the engine itself: a path and a verb each. */
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "internal.h"

static struct enc_docker_call *simple(struct enc_docker *docker,
                                      const char *op,
                                      const char *method,
                                      char *path,
                                      json_t *body,
                                      struct enc_docker_for answer,
                                      struct enclave_error *err) {
    struct enc_docker_ask ask = {.op = op, .method = method, .path = path, .body = body};
    return enc_docker_ask(docker, &ask, answer, err);
}

#define PATH(...) enc_docker_path(__VA_ARGS__, NULL)

struct enc_docker_call *enc_docker_version(struct enc_docker *docker,
                                           struct enc_docker_for answer,
                                           struct enclave_error *err) {
    return simple(docker, "docker.version", "GET", PATH("/version"), NULL, answer, err);
}

ENC_DOCKER_CALL(container_create, const char *name, const char *platform, json_t *body) {
    const char *named = name ? "?name=" : "?", *on = platform ? "&platform=" : "";
    char *path =
        PATH("/containers/create", "", named, name ? name : "", on, platform ? platform : "");
    return simple(docker, "container.create", "POST", path, body, answer, err);
}

ENC_DOCKER_CALL(container_start, const char *id) {
    char *path = PATH("/containers/", id, "/start");
    return simple(docker, "container.start", "POST", path, NULL, answer, err);
}

ENC_DOCKER_CALL(container_inspect, const char *id) {
    char *path = PATH("/containers/", id, "/json");
    return simple(docker, "container.inspect", "GET", path, NULL, answer, err);
}

ENC_DOCKER_CALL(container_kill, const char *id, const char *signal) {
    char *path = PATH("/containers/", id, "/kill?signal=", signal);
    return simple(docker, "container.kill", "POST", path, NULL, answer, err);
}

ENC_DOCKER_CALL(container_remove, const char *id, bool force) {
    char *path = PATH("/containers/", id, force ? "?v=1&force=1" : "?v=1");
    return simple(docker, "container.remove", "DELETE", path, NULL, answer, err);
}

/* { "label": ["enclave.owner=abc"] }; freed by the caller. */
static char *label_filter(const char *label) {
    json_t *filters = label ? json_pack("{s:[s]}", "label", label) : json_object();
    char *text = filters ? json_dumps(filters, JSON_COMPACT) : NULL;
    json_decref(filters);
    return text;
}

ENC_DOCKER_CALL(container_list, const char *label, bool all) {
    ENC_AUTO_FREE char *filters = label_filter(label);
    char *path =
        filters ? PATH("/containers/json?all=", all ? "1" : "0", "&filters=", filters) : NULL;
    return simple(docker, "container.list", "GET", path, NULL, answer, err);
}

ENC_DOCKER_CALL(volume_create, const char *name, json_t *labels) {
    json_t *body = json_pack("{s:s, s:O?}", "Name", name, "Labels", labels);
    char *path = body ? PATH("/volumes/create") : NULL;
    struct enc_docker_call *call = simple(docker, "volume.create", "POST", path, body, answer, err);
    json_decref(body);
    return call;
}

ENC_DOCKER_CALL(volume_inspect, const char *name) {
    return simple(docker, "volume.inspect", "GET", PATH("/volumes/", name), NULL, answer, err);
}

ENC_DOCKER_CALL(volume_remove, const char *name, bool force) {
    char *path = PATH("/volumes/", name, force ? "?force=1" : "");
    return simple(docker, "volume.remove", "DELETE", path, NULL, answer, err);
}

ENC_DOCKER_CALL(archive_put, const char *id, const char *path, const void *tar, size_t len) {
    struct enc_docker_ask ask = {.op = "archive.put",
                                 .method = "PUT",
                                 .path = PATH("/containers/", id, "/archive?path=", path),
                                 .tar = tar,
                                 .tar_len = len};
    return enc_docker_ask(docker, &ask, answer, err);
}

ENC_DOCKER_CALL(archive_get,
                const char *id,
                const char *path,
                bool (*on_data)(void *data, const char *bytes, size_t len)) {
    struct enc_docker_ask ask = {.op = "archive.get",
                                 .method = "GET",
                                 .path = PATH("/containers/", id, "/archive?path=", path),
                                 .on_data = on_data};
    return enc_docker_ask(docker, &ask, answer, err);
}

ENC_DOCKER_CALL(exec_create, const char *id, json_t *body) {
    char *path = PATH("/containers/", id, "/exec");
    return simple(docker, "exec.create", "POST", path, body, answer, err);
}

ENC_DOCKER_CALL(exec_inspect, const char *exec_id) {
    return simple(
        docker, "exec.inspect", "GET", PATH("/exec/", exec_id, "/json"), NULL, answer, err);
}

static void on_event(struct enc_docker_watch *watch, void *data, json_t *object) {
    watch->on_event(data, object);
}

ENC_DOCKER_CALL(events, const char *label, void (*on_each)(void *data, json_t *event)) {
    ENC_AUTO_FREE char *filters = label_filter(label);
    struct enc_docker_ask ask = {.op = "docker.events", .method = "GET"};
    ask.path = filters ? PATH("/events?filters=", filters) : NULL;
    if (!(ask.watch = calloc(1, sizeof *ask.watch))) {
        free(ask.path);
        enc_fail_nomem(err, ask.op);
        return NULL;
    }
    ask.watch->object = on_event;
    ask.watch->on_event = on_each;
    return enc_docker_ask(docker, &ask, answer, err);
}

static struct enc_stream *hijack(struct enc_docker *docker,
                                 const char *op,
                                 const char *path,
                                 const char *body,
                                 enc_deadline deadline,
                                 const struct enc_stream_events *events,
                                 void *data,
                                 struct enclave_error *err) {
    ENC_AUTO_FREE char *versioned = NULL;
    if (!docker->version[0]) {
        enc_fail(err, ENCLAVE_INVALID, op, "no API version was negotiated yet");
        return NULL;
    }
    if (!path || asprintf(&versioned, "/v%s%s", docker->version, path) < 0) {
        versioned = NULL;
        enc_fail_nomem(err, op);
        return NULL;
    }
    return enc_stream_open(
        docker->loop, &docker->endpoint, op, versioned, body, deadline, events, data, err);
}

struct enc_stream *enc_docker_attach(struct enc_docker *docker,
                                     const char *id,
                                     enc_deadline deadline,
                                     const struct enc_stream_events *events,
                                     void *data,
                                     struct enclave_error *err) {
    ENC_AUTO_FREE char *path =
        PATH("/containers/", id, "/attach?stream=1&stdin=1&stdout=1&stderr=1");
    return hijack(docker, "container.attach", path, NULL, deadline, events, data, err);
}

struct enc_stream *enc_docker_exec_start(struct enc_docker *docker,
                                         const char *exec_id,
                                         enc_deadline deadline,
                                         const struct enc_stream_events *events,
                                         void *data,
                                         struct enclave_error *err) {
    ENC_AUTO_FREE char *path = PATH("/exec/", exec_id, "/start");
    const char *body = "{\"Detach\":false,\"Tty\":false}";
    return hijack(docker, "exec.start", path, body, deadline, events, data, err);
}
