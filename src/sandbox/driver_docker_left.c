/* Containers of which the Docker Engine, while it was away, did not say that they are gone:
 * they are removed when it answers again. */
#include "driver_docker.h"

#define LEFT_MAX 1000 /* then the oldest is forgotten; the next start sweeps it */

void enc_left_add(struct enc_docker_host *host, const char *id) {
    if (!host->left)
        host->left = json_array();
    if (json_array_size(host->left) >= LEFT_MAX)
        json_array_remove(host->left, 0);
    json_array_append_new(host->left, json_string(id));
}

static void on_removed(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_docker_host *host = data;
    (void)reply;
    host->leaving = NULL;
    if (err && (err->code == ENCLAVE_UNAVAILABLE || err->code == ENCLAVE_TIMEOUT))
        return;
    json_array_remove(host->left, 0);
    enc_left_try(host);
}

void enc_left_try(struct enc_docker_host *host) {
    const char *id = json_string_value(json_array_get(host->left, 0));
    struct enc_docker_for to = {enc_deadline_in(ENC_DOCKER_LIMIT), on_removed, host};
    struct enclave_error err;
    if (id && !host->leaving)
        host->leaving = enc_docker_container_remove(host->docker, id, true, to, &err);
}
