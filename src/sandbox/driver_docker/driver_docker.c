/* Sandboxes that are Docker containers. Create: create the container, attach, start; the
 * link (the agent, or a shell for the exec channel) says when it is ready. The attached
 * stream is its life line: when it ends, the sandbox is lost, and when this process ends,
 * so does the container. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver_docker.h"

#define READY_LIMIT   (30 * ENC_NS_PER_S) /* from the start of the container */
#define REMOVAL_LIMIT (10 * ENC_NS_PER_S)
#define REMOVAL_PAUSE (50 * ENC_NS_PER_MS)
#define ABSENCE_LIMIT (2 * ENC_NS_PER_S) /* of the Docker Engine, while removing */

/* ---- the host ------------------------------------------------------------------- */

static struct enc_host *docker_open(struct enc_loop *loop,
                                    const struct enc_log *log,
                                    const char *owner,
                                    json_t *options,
                                    struct enclave_error *err) {
    static const char op[] = "driver.open";
    const char *name, *address = NULL;
    json_t *value;
    json_object_foreach(options, name, value) {
        if (strcmp(name, "host") != 0) {
            enc_fail_misuse(
                err, op, "%.60s: not an option of the docker driver; expected \"host\"", name);
            return NULL;
        }
        address = json_string_value(value);
        if (!address && !json_is_null(value)) {
            enc_fail_misuse(
                err, op, "host: expected an address such as \"unix:///var/run/docker.sock\"");
            return NULL;
        }
    }
    struct enc_docker_host *host = calloc(1, sizeof *host);
    if (!host) {
        enc_fail_nomem(err, op);
        return NULL;
    }
    host->base = (struct enc_host){.driver = &enc_driver_docker, .loop = loop, .log = log};
    snprintf(host->base.owner, sizeof host->base.owner, "%s", owner);
    enc_list_init(&host->boxes);
    if (!(host->docker = enc_docker_from_env(loop, address, err))) {
        free(host);
        return NULL;
    }
    return &host->base;
}

/* ---- creating ------------------------------------------------------------------- */

void enc_box_fail(struct enc_box *box, const struct enclave_error *err) {
    struct enclave_error full = *err;
    if (box->falling || (!box->sandbox->ready && enc_box_fall_back(box, err)))
        return;
    if (!box->sandbox->ready)
        box->sandbox->config->agent_fails = false; /* it was not the agent */
    int words = (int)(box->said.len < 400 ? box->said.len : 400);
    while (words && strchr("\r\n ", box->said.data[words - 1]))
        words--;
    enc_timer_stop(box->host->base.loop, &box->timer);
    if (box->sandbox->ready)
        full.code = ENCLAVE_LOST;
    else
        enc_fail(&full,
                 err->code,
                 "sandbox.create",
                 "cannot %s: %s%s%.*s",
                 box->stage,
                 err->message,
                 words ? ": " : "",
                 words,
                 words ? box->said.data : "");
    full.http_status = err->http_status;
    enc_sandbox_broken(box->sandbox, &full);
}

static struct enc_docker_for answer(struct enc_box *box, enc_docker_done *done) {
    return (struct enc_docker_for){enc_deadline_in(ENC_DOCKER_LIMIT), done, box};
}

static void on_stream_end(void *data, const struct enclave_error *failed);

static void on_late(struct enc_timer *timer) {
    struct enc_box *box = ENC_CONTAINER_OF(timer, struct enc_box, timer);
    struct enclave_error err = {0};
    if (box->sandbox->ready)
        return;
    enc_fail(&err, ENCLAVE_TIMEOUT, "sandbox.create", "it did not get ready in time");
    enc_box_fail(box, &err);
}

static void on_started(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_box *box = data;
    (void)reply;
    box->call = NULL;
    if (err) {
        box->host->has_agent = false; /* its volume may have gone: look again */
        enc_box_fail(box, err);
    } else if (box->ended) {
        on_stream_end(box, NULL);
    } else if (!box->sandbox->ready) {
        box->stage = box->link->stage;
        box->timer.fire = on_late;
        enc_timer_start(box->host->base.loop, &box->timer, enc_deadline_in(READY_LIMIT));
    }
}

static void on_attached(void *data) {
    struct enc_box *box = data;
    box->stage = "start the container";
    box->call = enc_docker_container_start(
        box->host->docker, box->id, answer(box, on_started), &box->trouble);
    if (!box->call)
        enc_box_fail_later(box);
}

static bool on_output(void *data, int stream, const char *bytes, size_t len) {
    struct enc_box *box = data;
    return box->link->feed(box, stream, bytes, len);
}

static void on_bytes(void *data, const char *bytes, size_t len) {
    struct enc_box *box = data;
    struct enclave_error err = {0};
    if (enc_demux_feed(&box->demux, bytes, len, on_output, box) >= 0)
        return;
    enc_fail(&err, ENCLAVE_PROTOCOL, "sandbox", "the Docker Engine's stream is garbled");
    enc_box_fail(box, &err);
}

static void on_stream_end(void *data, const struct enclave_error *failed) {
    struct enc_box *box = data;
    struct enclave_error err = {0};
    if (box->call && !box->sandbox->ready && !failed) {
        box->ended = true; /* the answer to the start says why */
        return;
    }
    enc_fail(&err,
             ENCLAVE_LOST,
             "sandbox",
             "the container of sandbox %s ended%s%s",
             box->sandbox->id,
             failed ? ": " : "",
             failed ? failed->message : "");
    enc_box_fail(box, failed && !box->sandbox->ready ? failed : &err);
}

static const struct enc_stream_events stream_events = {on_attached, on_bytes, on_stream_end};

static void remove_box(struct enc_box *box);

static void on_created(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_box *box = data;
    const char *id = json_string_value(json_object_get(reply, "Id"));
    box->call = NULL;
    box->creating = false;
    if (id)
        snprintf(box->id, sizeof box->id, "%s", id);
    if (box->removing) {
        enc_timer_stop(box->host->base.loop, &box->timer);
        remove_box(box);
        return;
    }
    if (err && box->socket && strstr(err->message, enc_agent_socket_folder(box->socket))) {
        /* The engine is elsewhere after all, or sees other folders. */
        box->host->no_socket = true;
        box->link->close(box);
        enc_box_request(box);
        return;
    }
    if (err) {
        enc_box_fail(box, err);
        return;
    }
    enc_box_warned(box, reply);
    enc_left_try(box->host);
    box->stage = "attach to the container";
    box->stream = enc_docker_attach(box->host->docker,
                                    box->id,
                                    enc_deadline_in(ENC_DOCKER_LIMIT),
                                    &stream_events,
                                    box,
                                    &box->trouble);
    if (!box->stream)
        enc_box_fail_later(box);
}

static void on_trouble(struct enc_timer *timer) {
    struct enc_box *box = ENC_CONTAINER_OF(timer, struct enc_box, timer);
    enc_box_fail(box, &box->trouble);
}

void enc_box_fail_later(struct enc_box *box) {
    box->timer.fire = on_trouble;
    enc_timer_start(box->host->base.loop, &box->timer, 0);
}

void enc_box_request(struct enc_box *box) {
    struct enc_sandbox *sandbox = box->sandbox;
    json_t *body = enc_box_body(box);
    if (!body)
        enc_fail_nomem(&box->trouble, "sandbox.create");
    else
        box->call = enc_docker_container_create(box->host->docker,
                                                sandbox->id,
                                                sandbox->config->platform,
                                                body,
                                                answer(box, on_created),
                                                &box->trouble);
    json_decref(body);
    box->creating = box->call != NULL;
    if (!box->call)
        enc_box_fail_later(box);
}

static void docker_create(struct enc_host *base, struct enc_sandbox *sandbox) {
    struct enc_docker_host *host = enc_docker_host_of(base);
    struct enc_box *box = calloc(1, sizeof *box);
    if (!box)
        return;
    box->sandbox = sandbox;
    box->host = host;
    box->stage = "create the container";
    sandbox->driver_state = box;
    enc_list_push_back(&host->boxes, &box->in_host);
    box->link = enc_box_choose_link(host, sandbox->config, &box->trouble);
    if (box->link)
        enc_box_request(box);
    else
        enc_box_fail_later(box);
}

/* ---- removing ------------------------------------------------------------------- */

static void gone(struct enc_box *box) {
    struct enc_sandbox *sandbox = box->sandbox;
    enc_list_remove(&box->in_host);
    enc_timer_stop(box->host->base.loop, &box->timer);
    enc_docker_cancel(box->call);
    enc_stream_close(box->stream); /* one whose engine closes was not destroyed */
    if (box->link && box->link->close)
        box->link->close(box);
    enc_buf_free(&box->said);
    free(box);
    sandbox->driver_state = NULL;
    enc_sandbox_gone(sandbox);
}

/* Not known by an id: a create that failed half way may still have made it. */
static const char *name_of(const struct enc_box *box) {
    return box->id[0] ? box->id : box->sandbox->id;
}

/* It goes, and its container may be there still. */
static void leave(struct enc_box *box) {
    if (box->sandbox->config->remove_on_exit)
        enc_left_add(box->host, name_of(box));
    gone(box);
}

static void on_removal_timer(struct enc_timer *timer) {
    remove_box(ENC_CONTAINER_OF(timer, struct enc_box, timer));
}

/* Not removed yet: 409 says that Docker is at it; anything else may pass. */
static void on_removed(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_box *box = data;
    (void)reply;
    box->call = NULL;
    bool is_gone = !err || (err->code == ENCLAVE_DOCKER && err->http_status == 404);
    /* One that is kept when it ends is only killed; 409: it does not run. */
    bool keeps = !box->sandbox->config->remove_on_exit;
    if (is_gone || (keeps && err->http_status == 409)) {
        gone(box);
        return;
    }
    enc_deadline until = box->give_up;
    if (err->code == ENCLAVE_UNAVAILABLE)
        until = box->id[0] ? until - REMOVAL_LIMIT + ABSENCE_LIMIT : 0;
    if (!enc_deadline_left(until)) {
        enc_log(box->host->base.log,
                box->id[0] ? ENC_LOG_WARN : ENC_LOG_DEBUG,
                "sandbox %s could not be removed: %s",
                box->sandbox->id,
                err->message);
        leave(box);
        return;
    }
    box->timer.fire = on_removal_timer;
    if (enc_timer_start(box->host->base.loop, &box->timer, enc_deadline_in(REMOVAL_PAUSE)))
        gone(box);
}

static void remove_box(struct enc_box *box) {
    struct enc_docker *docker = box->host->docker;
    struct enc_docker_for to = {box->give_up, on_removed, box};
    struct enclave_error err = {0};
    enc_deadline soon = enc_deadline_in(ENC_NS_PER_S);
    if (to.deadline < soon)
        to.deadline = soon;
    const char *id = name_of(box);
    box->call = box->sandbox->config->remove_on_exit
                    ? enc_docker_container_remove(docker, id, true, to, &err)
                    : enc_docker_container_kill(docker, id, "KILL", to, &err);
    if (!box->call) {
        box->timer.fire = on_removal_timer;
        if (!enc_deadline_left(box->give_up) ||
            enc_timer_start(box->host->base.loop, &box->timer, enc_deadline_in(REMOVAL_PAUSE)))
            gone(box);
    }
}

static void on_gone_timer(struct enc_timer *timer) {
    gone(ENC_CONTAINER_OF(timer, struct enc_box, timer));
}

static void on_lost_create(struct enc_timer *timer) {
    struct enc_box *box = ENC_CONTAINER_OF(timer, struct enc_box, timer);
    enc_log(box->host->base.log,
            ENC_LOG_WARN,
            "Docker did not say whether it created sandbox %s",
            box->sandbox->id);
    leave(box);
}

static void docker_destroy(struct enc_sandbox *sandbox) {
    struct enc_box *box = sandbox->driver_state;
    box->removing = true;
    box->give_up = enc_deadline_in(REMOVAL_LIMIT);
    enc_timer_stop(box->host->base.loop, &box->timer);
    enc_stream_close(box->stream);
    box->stream = NULL;
    if (box->link && box->link->close)
        box->link->close(box);
    if (box->creating) { /* it cannot be taken back: its answer leads to the removal */
        box->timer.fire = on_lost_create;
        enc_timer_start(box->host->base.loop, &box->timer, box->give_up);
        return;
    }
    enc_docker_cancel(box->call);
    box->call = NULL;
    if (!box->link) { /* nothing was asked of Docker */
        box->timer.fire = on_gone_timer;
        if (enc_timer_start(box->host->base.loop, &box->timer, 0))
            gone(box);
        return;
    }
    remove_box(box);
}

static void docker_close(struct enc_host *base) {
    struct enc_docker_host *host = enc_docker_host_of(base);
    while (!enc_list_empty(&host->boxes))
        gone(ENC_CONTAINER_OF(host->boxes.next, struct enc_box, in_host));
    enc_left_close(host);
    enc_docker_free(host->docker);
    json_decref(host->warned);
    free(host);
}

static json_t *docker_describe(struct enc_sandbox *sandbox) {
    const struct enc_box *box = sandbox->driver_state;
    return json_pack("{s:s, s:s*, s:s, s:s}",
                     "image",
                     sandbox->config->image,
                     "image_id",
                     sandbox->config->image_id,
                     "container_id",
                     box ? box->id : "",
                     "container_name",
                     sandbox->id);
}

const struct enc_driver enc_driver_docker = {
    .name = "docker",
    .open = docker_open,
    .close = docker_close,
    .prepare = enc_docker_prepare,
    .prepare_cancel = enc_docker_prepare_cancel,
    .create = docker_create,
    .destroy = docker_destroy,
    .describe = docker_describe,
};
