/* Containers of which the Docker Engine did not say that they are gone, because it was away or
 * could not remove them just then: it is asked again until it does. */
#include "driver_docker.h"

#define LEFT_MAX   1000 /* then the oldest is forgotten; the next start sweeps it */
#define LEFT_TRIES 60   /* in a row, while the engine answers */
#define LEFT_PAUSE (2 * ENC_NS_PER_S)

static void on_pause(struct enc_timer *timer) {
    enc_left_try(ENC_CONTAINER_OF(timer, struct enc_docker_host, left_pause));
}

static void try_later(struct enc_docker_host *host) {
    host->left_pause.fire = on_pause;
    if (json_array_size(host->left))
        enc_timer_start(host->base.loop, &host->left_pause, enc_deadline_in(LEFT_PAUSE));
}

void enc_left_add(struct enc_docker_host *host, const char *id) {
    if (!host->left)
        host->left = json_array();
    if (json_array_size(host->left) >= LEFT_MAX) /* the first may be under way */
        json_array_remove(host->left, host->leaving ? 1 : 0);
    json_array_append_new(host->left, json_string(id));
    try_later(host);
}

static void on_removed(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_docker_host *host = data;
    (void)reply;
    host->leaving = NULL;
    bool away = err && (err->code == ENCLAVE_UNAVAILABLE || err->code == ENCLAVE_TIMEOUT);
    bool is_gone = !err || err->http_status == 404;
    if (away || (!is_gone && ++host->left_tries < LEFT_TRIES)) {
        try_later(host);
        return;
    }
    host->left_tries = 0;
    json_array_remove(host->left, 0);
    enc_left_try(host);
}

void enc_left_try(struct enc_docker_host *host) {
    const char *id = json_string_value(json_array_get(host->left, 0));
    struct enc_docker_for to = {enc_deadline_in(ENC_DOCKER_LIMIT), on_removed, host};
    struct enclave_error err;
    if (!id || host->leaving)
        return;
    enc_timer_stop(host->base.loop, &host->left_pause);
    host->leaving = enc_docker_container_remove(host->docker, id, true, to, &err);
    if (!host->leaving)
        try_later(host);
}

void enc_left_close(struct enc_docker_host *host) {
    enc_timer_stop(host->base.loop, &host->left_pause);
    json_decref(host->left);
    host->left = NULL;
}
