/* Getting ready: remove what a crashed engine left (once per host), have the image, have
 * the agent in its volume. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel_agent/agent_volume.h"
#include "channel_agent/socket.h"
#include "cleanup.h"
#include "config/read.h"
#include "driver_docker.h"
#include "owner.h"

struct enc_prepare {
    struct enc_docker_host *host;
    struct enc_config *config;
    enc_progress *progress;
    void (*done)(void *data, const struct enclave_error *err);
    void *data;
    struct enc_docker_call *call;
    struct enc_agent_fill *fill;
    json_t *orphans;        /* ids still to be removed */
    struct enc_timer again; /* a step could not be started */
    struct enclave_error trouble;
    char what[300]; /* "pull python:3.11-slim" */
};

static void prepare_free(struct enc_prepare *prepare) {
    enc_docker_cancel(prepare->call);
    enc_agent_fill_cancel(prepare->fill);
    enc_timer_stop(prepare->host->base.loop, &prepare->again);
    json_decref(prepare->orphans);
    enc_config_unref(prepare->config);
    free(prepare);
}

/* The last thing that happens to it. */
static void end(struct enc_prepare *prepare, const struct enclave_error *err) {
    void (*done)(void *, const struct enclave_error *) = prepare->done;
    void *data = prepare->data;
    struct enclave_error copy = {0};
    if (err)
        copy = *err;
    prepare_free(prepare);
    done(data, err ? &copy : NULL);
}

static void on_trouble(struct enc_timer *timer) {
    struct enc_prepare *prepare = ENC_CONTAINER_OF(timer, struct enc_prepare, again);
    end(prepare, &prepare->trouble);
}

/* A step was asked for: its call, or NULL and prepare->trouble. */
static void step(struct enc_prepare *prepare, struct enc_docker_call *call) {
    prepare->call = call;
    if (call)
        return;
    prepare->again.fire = on_trouble;
    enc_timer_start(prepare->host->base.loop, &prepare->again, 0);
}

static struct enc_docker_for answer(struct enc_prepare *prepare, enc_docker_done *done) {
    return (struct enc_docker_for){enc_deadline_in(ENC_DOCKER_LIMIT), done, prepare};
}

/* ---- the agent ------------------------------------------------------------------ */

static void on_filled(void *data, const struct enclave_error *err) {
    struct enc_prepare *prepare = data;
    prepare->fill = NULL;
    end(prepare, err);
}

static void fill_volume(struct enc_prepare *prepare) {
    const struct enc_config *config = prepare->config;
    prepare->fill = enc_agent_fill(
        prepare->host, config->image, config->platform, on_filled, prepare, &prepare->trouble);
    if (!prepare->fill)
        step(prepare, NULL);
}

static void on_version(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_prepare *prepare = data;
    struct enc_docker_host *host = prepare->host;
    const char *there = json_string_value(json_object_get(reply, "Arch"));
    prepare->call = NULL;
    if (err) {
        end(prepare, err);
        return;
    }
    host->knows_fit = true;
    host->agent_fits = there && strcmp(there, enc_agent_architecture()) == 0;
    if (host->agent_fits) {
        fill_volume(prepare);
        return;
    }
    enc_log(host->base.log,
            ENC_LOG_WARN,
            "the Docker Engine is on %s and the agent is for %s: programs are started by docker "
            "exec, which is slow",
            there ? there : "an unknown processor",
            enc_agent_architecture());
    end(prepare, NULL);
}

/* It was filled before; but someone may have removed it since, when nothing ran. */
static void on_known_volume(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_prepare *prepare = data;
    struct enc_docker_host *host = prepare->host;
    (void)reply;
    prepare->call = NULL;
    if (err && err->http_status == 404)
        host->has_agent = false;
    else if (err || (host->has_agent && !host->filler)) {
        end(prepare, err);
        return;
    }
    fill_volume(prepare); /* or wait for who does */
}

static void look_for_volume(struct enc_prepare *prepare) {
    char name[48];
    enc_agent_volume_name(name);
    step(prepare,
         enc_docker_volume_inspect(
             prepare->host->docker, name, answer(prepare, on_known_volume), &prepare->trouble));
}

/* The image is there; the last step. */
static void have_agent(struct enc_prepare *prepare) {
    const struct enc_docker_host *host = prepare->host;
    if (prepare->config->channel == ENC_CHANNEL_EXEC || (host->knows_fit && !host->agent_fits))
        end(prepare, NULL);
    else if (host->has_agent)
        look_for_volume(prepare);
    else if (host->knows_fit)
        fill_volume(prepare);
    else
        step(prepare,
             enc_docker_version(host->docker, answer(prepare, on_version), &prepare->trouble));
}

/* ---- the image ------------------------------------------------------------------ */

/* NULL: no memory. One that were missing would stay uncleaned and unnoticed. */
static char **volumes_of(json_t *image) {
    json_t *volumes = json_object_get(json_object_get(image, "Config"), "Volumes");
    char **paths = calloc(json_object_size(volumes) + 1, sizeof *paths);
    size_t count = 0;
    const char *path;
    json_t *empty;
    if (!paths)
        return NULL;
    json_object_foreach(volumes, path, empty) {
        size_t len = strlen(path);
        while (len > 0 && path[len - 1] == '/')
            len--;
        if (len > 0 && !(paths[count++] = strndup(path, len))) {
            enc_strings_free(paths);
            return NULL;
        }
    }
    return paths;
}

/* The image is there. A tag may move while the process runs; what an image's programs made is
 * kept by its id. */
static void take_image(struct enc_prepare *prepare, json_t *image) {
    struct enc_config *config = prepare->config;
    const char *id = json_string_value(json_object_get(image, "Id"));
    free(config->image_id);
    enc_strings_free(config->image_volumes);
    config->image_id = id ? strdup(id) : NULL;
    config->image_volumes = volumes_of(image);
    if (!config->image_volumes || (id && !config->image_id)) {
        enc_fail_nomem(&prepare->trouble, "image.inspect");
        step(prepare, NULL);
        return;
    }
    const char *loose = enc_config_loose_volume(config);
    if (loose && config->read_only && config->reuse == ENC_REUSE_RESET)
        enc_log(prepare->host->base.log,
                ENC_LOG_WARN,
                "image %s has a volume at %s, which stays writable and cannot be cleaned: its "
                "sandboxes are replaced after each use, unless tmpfs or volumes name that folder",
                config->image,
                loose);
    have_agent(prepare);
}

static void on_pulled_image(void *data, json_t *reply, const struct enclave_error *failed) {
    struct enc_prepare *prepare = data;
    prepare->call = NULL;
    if (failed)
        end(prepare, failed);
    else
        take_image(prepare, reply);
}

static void inspect(struct enc_prepare *prepare, enc_docker_done *done) {
    step(prepare,
         enc_docker_image_inspect(prepare->host->docker,
                                  prepare->config->image,
                                  answer(prepare, done),
                                  &prepare->trouble));
}

static void on_pulled(void *data, json_t *reply, const struct enclave_error *failed) {
    struct enc_prepare *prepare = data;
    struct enclave_error err = {0};
    (void)reply;
    prepare->call = NULL;
    if (!failed) {
        inspect(prepare, on_pulled_image);
        return;
    }
    bool missing = failed->code == ENCLAVE_DOCKER && failed->http_status == 404;
    enc_fail(&err,
             missing ? ENCLAVE_NOT_FOUND : failed->code,
             "image.pull",
             "cannot pull image \"%s\": %s",
             prepare->config->image,
             failed->message);
    err.http_status = failed->http_status;
    end(prepare, &err);
}

static void on_progress(
    void *data, const char *layer, const char *status, long long current, long long total) {
    struct enc_prepare *prepare = data;
    if (prepare->progress)
        prepare->progress(prepare->data, prepare->what, *layer ? layer : status, current, total);
}

static void pull(struct enc_prepare *prepare) {
    const struct enc_config *config = prepare->config;
    struct enc_docker_for to = answer(prepare, on_pulled);
    to.deadline = ENC_NEVER; /* as long as it takes; whoever waits can cancel */
    struct enclave_error err;
    ENC_AUTO_FREE char *auth = enc_docker_registry_auth(
        config->image, config->registry_user, config->registry_password, &err);
    if (err.code) /* most images want no login; the registry says so if this one does */
        enc_log(prepare->host->base.log, ENC_LOG_WARN, "%s", err.message);
    enc_log(prepare->host->base.log, ENC_LOG_INFO, "pulling image %s", config->image);
    step(prepare,
         enc_docker_image_pull(prepare->host->docker,
                               config->image,
                               config->platform,
                               auth,
                               on_progress,
                               to,
                               &prepare->trouble));
}

/* Whether the image that is there is of the platform that was asked for. */
static bool fits(const struct enc_config *config, json_t *image) {
    const char *slash = config->platform ? strchr(config->platform, '/') : NULL;
    const char *here = json_string_value(json_object_get(image, "Architecture"));
    if (!slash || !here)
        return true;
    size_t len = strcspn(slash + 1, "/");
    return strlen(here) == len && !strncmp(here, slash + 1, len);
}

static void on_image(void *data, json_t *reply, const struct enclave_error *failed) {
    struct enc_prepare *prepare = data;
    const struct enc_config *config = prepare->config;
    struct enclave_error err = {0};
    bool missing = failed && failed->code == ENCLAVE_DOCKER && failed->http_status == 404;
    prepare->call = NULL;
    if (failed && !missing) {
        end(prepare, failed);
        return;
    }
    if (!failed && (fits(config, reply) || config->pull == ENC_PULL_NEVER)) {
        take_image(prepare, reply);
        return;
    }
    if (config->pull != ENC_PULL_NEVER) {
        pull(prepare);
        return;
    }
    enc_fail(&err,
             ENCLAVE_NOT_FOUND,
             "image.inspect",
             "image \"%s\" is not on this Docker Engine and pull is \"never\": run \"docker pull "
             "%s\" or set pull to \"missing\"",
             config->image,
             config->image);
    end(prepare, &err);
}

static void have_image(struct enc_prepare *prepare) {
    if (prepare->config->pull == ENC_PULL_ALWAYS)
        pull(prepare);
    else
        inspect(prepare, on_image);
}

/* ---- the sweep ------------------------------------------------------------------ */

static void sweep_next(struct enc_prepare *prepare);

static void on_removed(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_prepare *prepare = data;
    (void)reply;
    prepare->call = NULL;
    /* 404 and 409: another engine sweeps too. It must not keep anyone from starting. */
    if (err && err->http_status != 404 && err->http_status != 409)
        enc_log(prepare->host->base.log,
                ENC_LOG_WARN,
                "a container of a crashed engine could not be removed: %s",
                err->message);
    sweep_next(prepare);
}

static void sweep_next(struct enc_prepare *prepare) {
    size_t left = json_array_size(prepare->orphans);
    if (!left) {
        enc_agent_socket_sweep();
        prepare->host->swept = true;
        have_image(prepare);
        return;
    }
    json_t *id = json_incref(json_array_get(prepare->orphans, left - 1));
    json_array_remove(prepare->orphans, left - 1);
    enc_log(prepare->host->base.log,
            ENC_LOG_INFO,
            "removing container %.12s of an engine that crashed",
            json_string_value(id));
    step(prepare,
         enc_docker_container_remove(prepare->host->docker,
                                     json_string_value(id),
                                     true,
                                     answer(prepare, on_removed),
                                     &prepare->trouble));
    json_decref(id);
}

static void on_list(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_prepare *prepare = data;
    size_t index;
    json_t *container;
    prepare->call = NULL;
    if (err) {
        end(prepare, err);
        return;
    }
    json_array_foreach(reply, index, container) {
        json_t *id = json_object_get(container, "Id");
        json_t *labels = json_object_get(container, "Labels");
        const char *owner = json_string_value(json_object_get(labels, ENC_LABEL_OWNER));
        const char *state = json_string_value(json_object_get(container, "State"));
        /* What has exited and is still there was to be kept. */
        if (json_is_string(id) && owner && state && strcmp(state, "exited") != 0 &&
            enc_owner_is_dead(owner))
            json_array_append(prepare->orphans, id);
    }
    sweep_next(prepare);
}

struct enc_prepare *enc_docker_prepare(struct enc_host *base,
                                       struct enc_config *config,
                                       enc_progress *progress,
                                       void (*done)(void *data, const struct enclave_error *err),
                                       void *data,
                                       struct enclave_error *err) {
    struct enc_prepare *prepare = calloc(1, sizeof *prepare);
    json_t *orphans = json_array();
    if (!prepare || !orphans) {
        free(prepare);
        json_decref(orphans);
        enc_fail_nomem(err, "driver.prepare");
        return NULL;
    }
    *prepare = (struct enc_prepare){.host = enc_docker_host_of(base),
                                    .config = enc_config_ref(config),
                                    .progress = progress,
                                    .done = done,
                                    .data = data,
                                    .orphans = orphans};
    snprintf(prepare->what, sizeof prepare->what, "pull %s", config->image);
    if (prepare->host->swept)
        have_image(prepare);
    else
        step(prepare,
             enc_docker_container_list(prepare->host->docker,
                                       ENC_LABEL_OWNER,
                                       true,
                                       answer(prepare, on_list),
                                       &prepare->trouble));
    return prepare;
}

void enc_docker_prepare_cancel(struct enc_prepare *prepare) {
    prepare_free(prepare);
}
