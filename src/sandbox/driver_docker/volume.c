/* The volume with the agent, once per Docker host and engine: it is created when it is not
 * there, and filled when its content is not the agent's, through a container that is only
 * created. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel_agent/agent_volume.h"
#include "driver_docker.h"

#define FILLER_PAUSE (20 * ENC_NS_PER_MS)

struct enc_agent_fill {
    struct enc_docker_host *host;
    const char *image;
    const char *platform;
    void (*done)(void *data, const struct enclave_error *err);
    void *data;
    struct enc_docker_call *call;
    struct enc_timer again; /* a step could not be started, or the end is to be told */
    struct enclave_error trouble;
    struct enc_buf tar, found;
    char name[48];
    char container[80]; /* its name, from when it is asked for until it is removed */
    bool creating;
};

static void fill_free(struct enc_agent_fill *fill) {
    if (fill->host->filler == fill)
        fill->host->filler = NULL;
    enc_docker_cancel(fill->call);
    enc_timer_stop(fill->host->base.loop, &fill->again);
    if (fill->container[0]) { /* given up half way; it may not be there yet */
        enc_left_add(fill->host, fill->container);
        if (!fill->creating)
            enc_left_try(fill->host);
    }
    enc_buf_free(&fill->tar);
    enc_buf_free(&fill->found);
    free(fill);
}

static void end(struct enc_agent_fill *fill, const struct enclave_error *err) {
    void (*done)(void *, const struct enclave_error *) = fill->done;
    void *data = fill->data;
    struct enclave_error copy = {0};
    if (err)
        enc_fail(&copy,
                 err->code,
                 "agent.install",
                 "cannot install the agent in volume %s: %s",
                 fill->name,
                 err->message);
    copy.http_status = err ? err->http_status : 0;
    fill->host->has_agent |= !err;
    fill_free(fill);
    done(data, err ? &copy : NULL);
}

static void on_trouble(struct enc_timer *timer) {
    struct enc_agent_fill *fill = ENC_CONTAINER_OF(timer, struct enc_agent_fill, again);
    end(fill, &fill->trouble);
}

static void step(struct enc_agent_fill *fill, struct enc_docker_call *call) {
    fill->call = call;
    if (call)
        return;
    fill->again.fire = on_trouble;
    enc_timer_start(fill->host->base.loop, &fill->again, 0);
}

static struct enc_docker_for answer(struct enc_agent_fill *fill, enc_docker_done *done) {
    return (struct enc_docker_for){enc_deadline_in(ENC_DOCKER_LIMIT), done, fill};
}

static void on_removed(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_agent_fill *fill = data;
    (void)reply;
    fill->call = NULL;
    if (!err || err->http_status == 404)
        fill->container[0] = '\0'; /* else it is asked again */
    end(fill, NULL);
}

static void remove_container(struct enc_agent_fill *fill) {
    step(fill,
         enc_docker_container_remove(
             fill->host->docker, fill->container, true, answer(fill, on_removed), &fill->trouble));
}

static void on_put(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_agent_fill *fill = data;
    (void)reply;
    fill->call = NULL;
    if (err)
        end(fill, err);
    else
        remove_container(fill);
}

static bool on_tar(void *data, const char *bytes, size_t len) {
    struct enc_agent_fill *fill = data;
    return fill->found.len < 8u << 20 && enc_buf_append(&fill->found, bytes, len);
}

/* The headers may differ in what does not matter: the agent's bytes must be there. */
static bool is_there(const struct enc_agent_fill *fill) {
    const size_t header = 512;
    return fill->found.len && memmem(fill->found.data,
                                     fill->found.len,
                                     fill->tar.data + header,
                                     enc_agent_volume_size()) != NULL;
}

static void on_found(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_agent_fill *fill = data;
    (void)reply;
    fill->call = NULL;
    if (!err && is_there(fill)) {
        remove_container(fill);
        return;
    }
    if (err && err->http_status != 404) {
        end(fill, err);
        return;
    }
    enc_log(fill->host->base.log, ENC_LOG_INFO, "installing the agent in volume %s", fill->name);
    step(fill,
         enc_docker_archive_put(fill->host->docker,
                                fill->container,
                                ENC_AGENT_FOLDER,
                                fill->tar.data,
                                fill->tar.len,
                                answer(fill, on_put),
                                &fill->trouble));
}

static void on_container(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_agent_fill *fill = data;
    const char *id = json_string_value(json_object_get(reply, "Id"));
    fill->call = NULL;
    fill->creating = false;
    if (!err && !id)
        enc_fail(&fill->trouble, ENCLAVE_PROTOCOL, NULL, "the Docker Engine's reply has no id");
    if (err || !id) {
        /* It said no. 409: it said yes before, to nobody; 5xx: who knows. */
        if (err && err->http_status >= 400 && err->http_status < 500 && err->http_status != 409)
            fill->container[0] = '\0';
        end(fill, err ? err : &fill->trouble);
        return;
    }
    step(fill,
         enc_docker_archive_get(fill->host->docker,
                                fill->container,
                                ENC_AGENT_PATH,
                                on_tar,
                                answer(fill, on_found),
                                &fill->trouble));
}

static void on_volume(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_agent_fill *fill = data;
    (void)reply;
    fill->call = NULL;
    if (err) {
        end(fill, err);
        return;
    }
    json_t *body = json_pack("{s:s, s:[s], s:b, s:{s:s}, s:{s:[{s:s, s:s, s:s, s:{s:b}}]}}",
                             "Image",
                             fill->image,
                             "Entrypoint",
                             ENC_AGENT_PATH,
                             "NetworkDisabled",
                             1,
                             "Labels",
                             ENC_LABEL_OWNER,
                             fill->host->base.owner,
                             "HostConfig",
                             "Mounts",
                             "Type",
                             "volume",
                             "Source",
                             fill->name,
                             "Target",
                             ENC_AGENT_FOLDER,
                             "VolumeOptions",
                             "NoCopy",
                             1);
    snprintf(fill->container,
             sizeof fill->container,
             "enclave-fill-%s-%u",
             fill->host->base.owner,
             ++fill->host->fills);
    step(fill,
         enc_docker_container_create(fill->host->docker,
                                     fill->container,
                                     fill->platform,
                                     body,
                                     answer(fill, on_container),
                                     &fill->trouble));
    fill->creating = fill->call != NULL;
    json_decref(body);
}

static void on_turn(struct enc_timer *timer);

/* One at a time: nothing starts from a volume into which another still writes. */
static void begin(struct enc_agent_fill *fill) {
    if (fill->host->filler) {
        fill->again.fire = on_turn;
        enc_timer_start(fill->host->base.loop, &fill->again, enc_deadline_in(FILLER_PAUSE));
        return;
    }
    fill->host->filler = fill;
    json_t *labels = json_pack("{s:s}", ENC_LABEL_VERSION, ENCLAVE_VERSION);
    if (enc_agent_volume_tar(&fill->tar, &fill->trouble) < 0)
        step(fill, NULL);
    else
        step(fill,
             enc_docker_volume_create(
                 fill->host->docker, fill->name, labels, answer(fill, on_volume), &fill->trouble));
    json_decref(labels);
}

static void on_turn(struct enc_timer *timer) {
    struct enc_agent_fill *fill = ENC_CONTAINER_OF(timer, struct enc_agent_fill, again);
    if (fill->host->has_agent)
        end(fill, NULL);
    else
        begin(fill);
}

struct enc_agent_fill *enc_agent_fill(struct enc_docker_host *host,
                                      const char *image,
                                      const char *platform,
                                      void (*done)(void *data, const struct enclave_error *err),
                                      void *data,
                                      struct enclave_error *err) {
    struct enc_agent_fill *fill = calloc(1, sizeof *fill);
    if (!fill) {
        enc_fail_nomem(err, "agent.install");
        return NULL;
    }
    fill->host = host;
    fill->image = image;
    fill->platform = platform;
    fill->done = done;
    fill->data = data;
    enc_agent_volume_name(fill->name);
    begin(fill);
    return fill;
}

void enc_agent_fill_cancel(struct enc_agent_fill *fill) {
    if (fill)
        fill_free(fill);
}
