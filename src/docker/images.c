/* Images: names, and a pull with its progress. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "internal.h"

ENC_DOCKER_CALL(image_inspect, const char *image) {
    struct enc_docker_ask ask = {.op = "image.inspect",
                                 .method = "GET",
                                 .path = enc_docker_path("/images/", image, "/json", NULL)};
    return enc_docker_ask(docker, &ask, answer, err);
}

/* "name:tag" or "name@sha256:…" taken apart in place: *tag is the tag or the digest,
 * "latest" when there is none. The colon of "registry:5000/name" is no tag. */
static void split(char *image, const char **tag) {
    char *at = strchr(image, '@'), *slash = strrchr(image, '/');
    char *colon = at ? at : strrchr(slash ? slash : image, ':');
    *tag = "latest";
    if (colon) {
        *tag = colon + 1;
        *colon = '\0';
    }
}

static bool names_what_is_missing(const char *message) {
    static const char *const signs[] = {
        "not found", "manifest unknown", "does not exist", "o such image", "no matching manifest"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strstr(message, signs[i]))
            return true;
    return false;
}

static void on_line(struct enc_docker_watch *watch, void *data, json_t *line) {
    const char *error = json_string_value(json_object_get(line, "error"));
    json_t *detail = json_object_get(line, "errorDetail");
    if (!error)
        error = json_string_value(json_object_get(detail, "message"));
    if (error) {
        /* The reply began with status 200; this is what it would have been. */
        int status = (int)json_integer_value(json_object_get(detail, "code"));
        enc_fail(&watch->failed, ENCLAVE_DOCKER, "image.pull", "%s", error);
        watch->failed.http_status = status >= 400                  ? status
                                    : names_what_is_missing(error) ? 404
                                                                   : 500;
        return;
    }
    if (!watch->progress || watch->failed.code)
        return;
    json_t *part = json_object_get(line, "progressDetail");
    const char *layer = json_string_value(json_object_get(line, "id"));
    const char *status = json_string_value(json_object_get(line, "status"));
    watch->progress(data,
                    layer ? layer : "",
                    status ? status : "",
                    json_integer_value(json_object_get(part, "current")),
                    json_integer_value(json_object_get(part, "total")));
}

ENC_DOCKER_CALL(image_pull,
                const char *image,
                const char *platform,
                const char *auth,
                enc_docker_progress *progress) {
    struct enc_docker_ask ask = {.op = "image.pull", .method = "POST", .auth = auth};
    ENC_AUTO_FREE char *name = strdup(image);
    const char *tag = "";
    if (name)
        split(name, &tag);
    if (name && !*tag) { /* that would be all of them */
        enc_fail(err, ENCLAVE_INVALID, ask.op, "image \"%.400s\": it ends without a tag", image);
        return NULL;
    }
    if (!name || !(ask.watch = calloc(1, sizeof *ask.watch))) {
        enc_fail_nomem(err, ask.op);
        return NULL;
    }
    ask.path = enc_docker_path("/images/create?fromImage=",
                               name,
                               "&tag=",
                               tag,
                               platform ? "&platform=" : "",
                               platform ? platform : "",
                               NULL);
    ask.watch->object = on_line;
    ask.watch->progress = progress;
    return enc_docker_ask(docker, &ask, answer, err);
}
