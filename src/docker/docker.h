/* docker.h - the Docker Engine's HTTP API, as far as Enclave uses it: version
 * negotiation, images, containers, volumes, archives, exec, attach, events. It
 * says what Docker says and decides nothing. Uses loop and jansson.
 *
 * Every call is asynchronous: it returns a handle, or NULL with err when it could
 * not be started, and calls done once, later. A status of 400 and above becomes
 * ENCLAVE_DOCKER with http_status and Docker's own message. After
 * enc_docker_cancel(call) done is not called. */
#ifndef ENC_DOCKER_H
#define ENC_DOCKER_H

#include <jansson.h>

#include "endpoint.h"
#include "loop.h"
#include "stream.h"

#define ENC_DOCKER_API_OLDEST "1.41" /* Docker 20.10 */
#define ENC_DOCKER_API_NEWEST "1.52" /* Docker 29 */

struct enc_docker;
struct enc_docker_call;

/* reply: borrowed, NULL when the answer has no JSON body. */
typedef void enc_docker_done(void *data, json_t *reply, const struct enclave_error *err);

/* endpoint is copied. Does not connect: the version is negotiated by the first call and kept,
 * until the engine could not be reached: what comes back may be another. When that fails the
 * next call tries again. */
struct enc_docker *enc_docker_new(struct enc_loop *loop,
                                  const struct enc_endpoint *endpoint,
                                  struct enclave_error *err);

/* As enc_docker_new for DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, or
 * the default socket. host overrides DOCKER_HOST when it is not NULL. */
struct enc_docker *enc_docker_from_env(struct enc_loop *loop,
                                       const char *host,
                                       struct enclave_error *err);

/* Cancels what is pending. */
void enc_docker_free(struct enc_docker *docker);

const struct enc_endpoint *enc_docker_endpoint(const struct enc_docker *docker);

/* The negotiated version ("1.41"); NULL before the first successful call. */
const char *enc_docker_api_version(const struct enc_docker *docker);

void enc_docker_cancel(struct enc_docker_call *call);

/* What all calls share. */
struct enc_docker_for {
    enc_deadline deadline;
    enc_docker_done *done;
    void *data;
};

#define ENC_DOCKER_CALL(name, ...)                                                                 \
    struct enc_docker_call *enc_docker_##name(struct enc_docker *docker,                           \
                                              __VA_ARGS__,                                         \
                                              struct enc_docker_for answer,                        \
                                              struct enclave_error *err)

/* GET /version: { ApiVersion, MinAPIVersion, Version, Os, Arch, … }. */
struct enc_docker_call *enc_docker_version(struct enc_docker *docker,
                                           struct enc_docker_for answer,
                                           struct enclave_error *err);

ENC_DOCKER_CALL(image_inspect, const char *image);

/* One line of a pull's progress; total is 0 when unknown. layer may be "". */
typedef void enc_docker_progress(
    void *data, const char *layer, const char *status, long long current, long long total);

/* Pulls; errors inside the progress stream become ENCLAVE_DOCKER too. platform
 * may be NULL. auth: value of X-Registry-Auth, or NULL. */
ENC_DOCKER_CALL(image_pull,
                const char *image,
                const char *platform,
                const char *auth,
                enc_docker_progress *progress);

/* The auth of a pull of this image: of the user with this password, or when username is NULL
 * of whom `docker login` has kept in "auths" of the config.json in $DOCKER_CONFIG or
 * ~/.docker. A new string; NULL: there is none, or err (its code is ENCLAVE_OK else) says what
 * hinders. Credential helpers are not asked. */
char *enc_docker_registry_auth(const char *image,
                               const char *username,
                               const char *password,
                               struct enclave_error *err);

ENC_DOCKER_CALL(container_create, const char *name, const char *platform, json_t *body);
ENC_DOCKER_CALL(container_start, const char *id);
ENC_DOCKER_CALL(container_inspect, const char *id);
ENC_DOCKER_CALL(container_kill, const char *id, const char *signal);
ENC_DOCKER_CALL(container_remove, const char *id, bool force);
/* label: "enclave.owner=abc" or NULL; all: also those that do not run. */
ENC_DOCKER_CALL(container_list, const char *label, bool all);

ENC_DOCKER_CALL(volume_create, const char *name, json_t *labels);
ENC_DOCKER_CALL(volume_inspect, const char *name);
ENC_DOCKER_CALL(volume_remove, const char *name, bool force);

/* tar bytes; borrowed until the call ends. */
ENC_DOCKER_CALL(archive_put, const char *id, const char *path, const void *tar, size_t len);
/* done's reply is NULL; the tar comes through on_data first. */
ENC_DOCKER_CALL(archive_get,
                const char *id,
                const char *path,
                bool (*on_data)(void *data, const char *bytes, size_t len));

ENC_DOCKER_CALL(exec_create, const char *id, json_t *body);
ENC_DOCKER_CALL(exec_inspect, const char *exec_id);

/* GET /events, filtered by label; on_event for each, done when it ends. */
ENC_DOCKER_CALL(events, const char *label, void (*on_event)(void *data, json_t *event));

/* The hijacked streams. They need a version that was negotiated before (any call
 * that succeeded). Their bytes are multiplexed (see enc_demux) without a TTY. */
struct enc_stream *enc_docker_attach(struct enc_docker *docker,
                                     const char *id,
                                     enc_deadline deadline,
                                     const struct enc_stream_events *events,
                                     void *data,
                                     struct enclave_error *err);
struct enc_stream *enc_docker_exec_start(struct enc_docker *docker,
                                         const char *exec_id,
                                         enc_deadline deadline,
                                         const struct enc_stream_events *events,
                                         void *data,
                                         struct enclave_error *err);

/* Takes Docker's multiplexed stream apart: frames of { type, 0, 0, 0, length as
 * 4 bytes big-endian }. Pure, keeps at most a header; zero-initialise it. */
struct enc_demux {
    unsigned char header[8];
    unsigned have;      /* bytes of the header that are here */
    unsigned long left; /* bytes of the payload still to come */
};

/* stream: 1 standard output, 2 standard error. on_output returns false when it wants no
 * more; the demux may be gone then. 0: all was taken; 1: on_output stopped it; -1: not
 * such a stream. */
int enc_demux_feed(struct enc_demux *demux,
                   const char *bytes,
                   size_t len,
                   bool (*on_output)(void *data, int stream, const char *bytes, size_t len),
                   void *data);

#endif
