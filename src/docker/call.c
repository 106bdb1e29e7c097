#include "call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

void enc_docker_explain(const struct enclave_error *failed, struct enclave_error *err) {
    if (failed->code == ENCLAVE_UNAVAILABLE)
        enc_fail(err,
                 failed->code,
                 failed->op,
                 "the Docker Engine does not answer: %s (is it running, and is DOCKER_HOST right?)",
                 failed->message);
    else
        *err = *failed;
}

void enc_docker_refused(struct enc_http_reply *reply, const char *op, struct enclave_error *err) {
    json_t *body = reply->body.len ? json_loadb(reply->body.data, reply->body.len, 0, NULL) : NULL;
    const char *message = json_string_value(json_object_get(body, "message"));
    int plain = (int)strcspn(reply->body.len ? reply->body.data : "", "\r\n");
    if (message)
        enc_fail(err, ENCLAVE_DOCKER, op, "%s", message);
    else
        enc_fail(err,
                 ENCLAVE_DOCKER,
                 op,
                 "HTTP status %d%s%.*s",
                 reply->status,
                 plain ? ": " : "",
                 plain,
                 reply->body.len ? reply->body.data : "");
    err->http_status = reply->status;
    for (size_t len = strlen(err->message); len && strchr("\r\n ", err->message[len - 1]);)
        err->message[--len] = '\0';
    json_decref(body);
}

static void release(struct enc_docker_call *call) {
    if (call->ask.watch)
        enc_buf_free(&call->ask.watch->piece);
    free(call->ask.watch);
    free(call->ask.path);
    free(call->auth_header);
    free(call->body);
    free(call);
}

static void call_free(struct enc_docker_call *call) {
    call->closed = true;
    enc_http_cancel(call->http);
    enc_timer_stop(call->docker->loop, &call->overdue);
    enc_list_remove(&call->in_docker);
    enc_list_remove(&call->in_waiting);
    if (!call->calling)
        release(call);
}

/* The last thing that happens to a call. */
static void answer(struct enc_docker_call *call, json_t *reply, const struct enclave_error *err) {
    struct enc_docker_for to = call->answer;
    struct enclave_error own = {0};
    if (err) {
        own = *err;
        snprintf(own.op, sizeof own.op, "%s", call->ask.op);
    }
    call_free(call);
    to.done(to.data, err ? NULL : reply, err ? &own : NULL);
}

void enc_docker_call_fail(struct enc_docker_call *call, const struct enclave_error *err) {
    answer(call, NULL, err);
}

void enc_docker_cancel(struct enc_docker_call *call) {
    if (!call)
        return;
    struct enc_docker *docker = call->docker;
    call_free(call);
    if (docker->hello && enc_list_empty(&docker->waiting)) {
        enc_http_cancel(docker->hello);
        docker->hello = NULL;
    }
}

static bool on_data(void *data, const char *bytes, size_t len) {
    struct enc_docker_call *call = data;
    if (call->ask.on_data)
        return call->ask.on_data(call->answer.data, bytes, len);
    call->calling = true;
    bool more =
        enc_docker_watch_feed(call->ask.watch, call->answer.data, bytes, len, &call->closed);
    call->calling = false;
    if (!call->closed)
        return more;
    release(call);
    return false;
}

static void on_reply(void *data, struct enc_http_reply *reply, const struct enclave_error *failed) {
    struct enc_docker_call *call = data;
    struct enc_docker_watch *watch = call->ask.watch;
    struct enclave_error err = {0};
    json_t *json = NULL;
    call->http = NULL;
    if (watch && watch->failed.code) {
        err = watch->failed;
    } else if (failed) {
        call->docker->stale |= failed->code == ENCLAVE_UNAVAILABLE;
        enc_docker_explain(failed, &err);
    } else if (reply->status >= 300 && reply->status != 304) {
        enc_docker_refused(reply, call->ask.op, &err);
    } else if (watch && watch->piece.len) {
        enc_fail(&err, ENCLAVE_PROTOCOL, NULL, "the Docker Engine's reply broke off");
    } else if (reply->body.len) {
        json = json_loadb(reply->body.data, reply->body.len, JSON_DECODE_ANY, NULL);
        /* "OK" and the like are not JSON and say nothing. */
        if (!json && strstr(reply->content_type, "json"))
            enc_fail(&err, ENCLAVE_PROTOCOL, NULL, "the Docker Engine's reply is no JSON");
    }
    answer(call, json, err.code ? &err : NULL);
    json_decref(json);
}

int enc_docker_call_send(struct enc_docker_call *call, struct enclave_error *err) {
    const struct enc_docker_ask *ask = &call->ask;
    const char *headers[3] = {NULL};
    size_t count = 0;
    if (call->body || ask->tar)
        headers[count++] =
            ask->tar ? "Content-Type: application/x-tar" : "Content-Type: application/json";
    if (call->auth_header)
        headers[count++] = call->auth_header;
    ENC_AUTO_FREE char *path = NULL;
    if (asprintf(&path, "/v%s%s", call->docker->version, ask->path) < 0) {
        path = NULL;
        return enc_fail_nomem(err, ask->op);
    }
    struct enc_http_request request = {.endpoint = &call->docker->endpoint,
                                       .op = ask->op,
                                       .method = ask->method,
                                       .path = path,
                                       .headers = headers,
                                       .body = ask->tar ? ask->tar : call->body,
                                       .body_len = ask->tar     ? ask->tar_len
                                                   : call->body ? strlen(call->body)
                                                                : 0,
                                       .deadline = call->answer.deadline,
                                       .on_data = ask->on_data || ask->watch ? on_data : NULL,
                                       .on_done = on_reply,
                                       .data = call};
    enc_timer_stop(call->docker->loop, &call->overdue);
    call->http = enc_http_start(call->docker->loop, &request, err);
    return call->http ? 0 : -1;
}

static void on_overdue(struct enc_timer *timer) {
    struct enc_docker_call *call = ENC_CONTAINER_OF(timer, struct enc_docker_call, overdue);
    struct enclave_error err = {0};
    struct enc_docker_for to = call->answer;
    enc_fail(&err,
             ENCLAVE_TIMEOUT,
             call->ask.op,
             "the Docker Engine at %s did not answer in time",
             call->docker->endpoint.name);
    enc_docker_cancel(call);
    to.done(to.data, NULL, &err);
}

static int begin(struct enc_docker_call *call, struct enclave_error *err) {
    const struct enc_docker_ask *ask = &call->ask;
    if (!ask->path)
        return enc_fail_nomem(err, ask->op);
    if (ask->body && !(call->body = json_dumps(ask->body, JSON_COMPACT)))
        return enc_fail_nomem(err, ask->op);
    if (ask->auth && asprintf(&call->auth_header, "X-Registry-Auth: %s", ask->auth) < 0) {
        call->auth_header = NULL;
        return enc_fail_nomem(err, ask->op);
    }
    if (call->docker->version[0] && !call->docker->stale)
        return enc_docker_call_send(call, err);
    if (enc_docker_negotiate(call->docker, err))
        return -1;
    enc_list_push_back(&call->docker->waiting, &call->in_waiting);
    if (enc_timer_start(call->docker->loop, &call->overdue, call->answer.deadline))
        return enc_fail_nomem(err, ask->op);
    return 0;
}

struct enc_docker_call *enc_docker_ask(struct enc_docker *docker,
                                       const struct enc_docker_ask *ask,
                                       struct enc_docker_for to,
                                       struct enclave_error *err) {
    struct enc_docker_call *call = calloc(1, sizeof *call);
    if (!call) {
        free(ask->path);
        free(ask->watch);
        enc_fail_nomem(err, ask->op);
        return NULL;
    }
    *call = (struct enc_docker_call){
        .docker = docker, .ask = *ask, .answer = to, .overdue.fire = on_overdue};
    enc_list_push_back(&docker->calls, &call->in_docker);
    enc_list_init(&call->in_waiting);
    if (begin(call, err)) {
        enc_docker_cancel(call);
        return NULL;
    }
    call->ask.body = NULL;
    call->ask.auth = NULL;
    return call;
}
