/* A client: where the engine is, which version of its API is spoken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

struct enc_docker *enc_docker_new(struct enc_loop *loop,
                                  const struct enc_endpoint *endpoint,
                                  struct enclave_error *err) {
    struct enc_docker *docker = calloc(1, sizeof *docker);
    if (!docker) {
        enc_fail_nomem(err, "docker.new");
        return NULL;
    }
    docker->loop = loop;
    enc_list_init(&docker->calls);
    enc_list_init(&docker->waiting);
    char *const from[] = {endpoint->name,
                          endpoint->base_url,
                          endpoint->socket_path,
                          endpoint->ca_file,
                          endpoint->cert_file,
                          endpoint->key_file};
    char **const to[] = {&docker->endpoint.name,
                         &docker->endpoint.base_url,
                         &docker->endpoint.socket_path,
                         &docker->endpoint.ca_file,
                         &docker->endpoint.cert_file,
                         &docker->endpoint.key_file};
    docker->endpoint.verify = endpoint->verify;
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        if (from[i] && !(*to[i] = strdup(from[i]))) {
            enc_docker_free(docker);
            enc_fail_nomem(err, "docker.new");
            return NULL;
        }
    }
    return docker;
}

struct enc_docker *enc_docker_from_env(struct enc_loop *loop,
                                       const char *host,
                                       struct enclave_error *err) {
    const char *named = getenv("DOCKER_HOST"), *verify = getenv("DOCKER_TLS_VERIFY");
    const char *certs = getenv("DOCKER_CERT_PATH"), *home = getenv("HOME");
    bool verified = verify && *verify, with_certs = certs && *certs;
    char fallback[4096];
    if (verified && !with_certs && home) {
        snprintf(fallback, sizeof fallback, "%s/.docker", home);
        certs = fallback;
    }
    if (!host || !*host)
        host = named && *named ? named : "unix:///var/run/docker.sock";
    struct enc_endpoint endpoint;
    if (enc_endpoint_parse(&endpoint, host, certs, verified || with_certs, verified, err))
        return NULL;
    struct enc_docker *docker = enc_docker_new(loop, &endpoint, err);
    enc_endpoint_free(&endpoint);
    return docker;
}

void enc_docker_free(struct enc_docker *docker) {
    if (!docker)
        return;
    while (!enc_list_empty(&docker->calls))
        enc_docker_cancel(ENC_CONTAINER_OF(docker->calls.next, struct enc_docker_call, in_docker));
    enc_http_cancel(docker->hello);
    enc_endpoint_free(&docker->endpoint);
    free(docker);
}

const struct enc_endpoint *enc_docker_endpoint(const struct enc_docker *docker) {
    return &docker->endpoint;
}

const char *enc_docker_api_version(const struct enc_docker *docker) {
    return docker->version[0] ? docker->version : NULL;
}

/* "1.41" as 1041; -1: no version. */
static int number_of(const char *version) {
    int major, minor, end = 0;
    if (!version || sscanf(version, "%3d.%3d%n", &major, &minor, &end) != 2 || version[end])
        return -1;
    return major * 1000 + minor;
}

static int choose(struct enc_docker *docker, json_t *about, struct enclave_error *err) {
    const char *newest = json_string_value(json_object_get(about, "ApiVersion"));
    const char *oldest = json_string_value(json_object_get(about, "MinAPIVersion"));
    int theirs = number_of(newest), least = oldest ? number_of(oldest) : 0;
    int ours = number_of(ENC_DOCKER_API_NEWEST), ours_least = number_of(ENC_DOCKER_API_OLDEST);
    if (theirs < 0 || least < 0)
        return enc_fail(err,
                        ENCLAVE_PROTOCOL,
                        "docker.version",
                        "what answers at %s is no Docker Engine: it names no API version",
                        docker->endpoint.name);
    if (least > ours || theirs < ours_least)
        return enc_fail(err,
                        ENCLAVE_UNAVAILABLE,
                        "docker.version",
                        "the Docker Engine at %s speaks API %s to %s, and this program %s to %s: "
                        "update the older one",
                        docker->endpoint.name,
                        oldest ? oldest : "(unknown)",
                        newest,
                        ENC_DOCKER_API_OLDEST,
                        ENC_DOCKER_API_NEWEST);
    int both = theirs < ours ? theirs : ours;
    snprintf(docker->version, sizeof docker->version, "%d.%d", both / 1000, both % 1000);
    docker->stale = false;
    return 0;
}

static void on_hello(void *data, struct enc_http_reply *reply, const struct enclave_error *failed) {
    struct enc_docker *docker = data;
    struct enclave_error err = {0};
    docker->hello = NULL;
    if (failed) {
        enc_docker_explain(failed, &err);
    } else if (reply->status != 200) {
        enc_docker_refused(reply, "docker.version", &err);
    } else {
        json_t *about = json_loadb(reply->body.data, reply->body.len, 0, NULL);
        choose(docker, about, &err);
        json_decref(about);
    }
    /* A list of its own: calls that callbacks add are not of this round, and one that
     * frees the client empties it. */
    struct enc_list round;
    enc_list_init(&round);
    for (struct enc_list *next; (next = enc_list_pop_front(&docker->waiting));)
        enc_list_push_back(&round, next);
    for (struct enc_list *next; (next = enc_list_pop_front(&round));) {
        struct enc_docker_call *call = ENC_CONTAINER_OF(next, struct enc_docker_call, in_waiting);
        struct enclave_error own = err;
        if (own.code || enc_docker_call_send(call, &own))
            enc_docker_call_fail(call, &own);
    }
}

int enc_docker_negotiate(struct enc_docker *docker, struct enclave_error *err) {
    if (docker->hello)
        return 0;
    struct enc_http_request request = {.endpoint = &docker->endpoint,
                                       .op = "docker.version",
                                       .method = "GET",
                                       .path = "/version",
                                       .deadline = ENC_NEVER, /* the calls have their own */
                                       .max_reply = 1 << 20,
                                       .on_done = on_hello,
                                       .data = docker};
    docker->hello = enc_http_start(docker->loop, &request, err);
    return docker->hello ? 0 : -1;
}
