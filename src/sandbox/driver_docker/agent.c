/* A container whose first process is the agent, for the agent channel. Frames go over a
 * unix socket in a mounted folder where engine and Docker share a host and it works, and
 * over the attached stream otherwise: the agent decides when it starts, and the way on
 * which it greets is the way. The attached stream stays for life and death. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel_agent/agent_volume.h"
#include "channel_agent/channel_agent.h"
#include "channel_agent/socket.h"
#include "driver_docker.h"

#define MAX_SAID 4096

/* ---- the attached stream -------------------------------------------------------- */

static int stream_write(void *data, const void *bytes, size_t len) {
    struct enc_box *box = data;
    return box->stream ? enc_stream_write(box->stream, bytes, len) : -1;
}

static size_t stream_queued(void *data) {
    struct enc_box *box = data;
    return box->stream ? enc_stream_queued(box->stream) : 0;
}

static void stream_drained(void *data) {
    struct enc_box *box = data;
    enc_channel_agent_drained(box->sandbox);
}

static const struct enc_agent_transport by_stream = {stream_write, stream_queued};

/* ---- the socket ----------------------------------------------------------------- */

static int socket_write(void *data, const void *bytes, size_t len) {
    struct enc_box *box = data;
    return box->socket ? enc_agent_socket_write(box->socket, bytes, len) : -1;
}

static size_t socket_queued(void *data) {
    struct enc_box *box = data;
    return box->socket ? enc_agent_socket_queued(box->socket) : 0;
}

static const struct enc_agent_transport by_socket = {socket_write, socket_queued};

static void open_channel(struct enc_box *box, const struct enc_agent_transport *transport) {
    struct enclave_error err = {0};
    if (box->sandbox->channel_state || box->sandbox->broken || box->falling)
        return;
    if (enc_channel_agent_open(box->sandbox, transport, box, &err) < 0)
        enc_box_fail(box, &err);
}

static void on_socket_open(void *data) {
    struct enc_box *box = data;
    open_channel(box, &by_socket);
}

static void on_socket_data(void *data, const char *bytes, size_t len) {
    struct enc_box *box = data;
    enc_channel_agent_feed(box->sandbox, bytes, len);
}

static void on_socket_end(void *data) {
    struct enc_box *box = data;
    struct enclave_error err = {0};
    if (!box->sandbox->ready)
        return; /* the end of the container tells why */
    enc_fail(&err,
             ENCLAVE_LOST,
             "sandbox",
             "the agent of sandbox %s has closed its connection",
             box->sandbox->id);
    enc_box_fail(box, &err);
}

static const struct enc_agent_socket_events socket_events = {
    on_socket_open, on_socket_data, stream_drained, on_socket_end};

/* ---- the container -------------------------------------------------------------- */

/* Where the Docker Engine is reached by a unix socket it is taken to be on this host. */
static void listen_near(struct enc_box *box) {
    struct enclave_error err = {0};
    const struct enc_endpoint *endpoint = enc_docker_endpoint(box->host->docker);
    if (!endpoint->socket_path || box->host->no_socket || box->socket)
        return;
    box->socket = enc_agent_socket_listen(box->host->base.loop, &socket_events, box, &err);
    if (!box->socket)
        enc_log(box->host->base.log, ENC_LOG_DEBUG, "%s", err.message);
}

static int agent_describe(struct enc_box *box, json_t *body) {
    char volume[48];
    json_t *mounts = json_object_get(json_object_get(body, "HostConfig"), "Mounts");
    json_t *arguments = json_array();
    int rc = 0;
    listen_near(box);
    enc_agent_volume_name(volume);
    rc |= json_array_append_new(mounts,
                                json_pack("{s:s, s:s, s:s, s:b, s:{s:b}}",
                                          "Type",
                                          "volume",
                                          "Source",
                                          volume,
                                          "Target",
                                          ENC_AGENT_FOLDER,
                                          "ReadOnly",
                                          1,
                                          "VolumeOptions",
                                          "NoCopy",
                                          1));
    if (box->socket) {
        rc |= json_array_append_new(mounts,
                                    json_pack("{s:s, s:s, s:s, s:b}",
                                              "Type",
                                              "bind",
                                              "Source",
                                              enc_agent_socket_folder(box->socket),
                                              "Target",
                                              ENC_AGENT_IO_FOLDER,
                                              "ReadOnly",
                                              1));
        rc |=
            json_array_append_new(arguments, json_string(ENC_AGENT_IO_FOLDER "/" ENC_AGENT_SOCKET));
    }
    rc |= json_object_set_new(body, "Entrypoint", json_pack("[s]", ENC_AGENT_PATH));
    rc |= json_object_set_new(body, "Cmd", arguments);
    return rc;
}

static bool agent_feed(struct enc_box *box, int stream, const char *bytes, size_t len) {
    if (stream != 1) { /* its complaints */
        if (!box->sandbox->ready && box->said.len < MAX_SAID)
            enc_buf_append(&box->said, bytes, len);
        return true;
    }
    if (!box->sandbox->channel_state) { /* it chose this way */
        enc_agent_socket_close(box->socket);
        box->socket = NULL;
        enc_stream_on_drain(box->stream, stream_drained);
        open_channel(box, &by_stream);
        box->streamed = true;
    }
    if (box->streamed)
        enc_channel_agent_feed(box->sandbox, bytes, len);
    return true;
}

static void agent_close(struct enc_box *box) {
    enc_agent_socket_close(box->socket);
    box->socket = NULL;
}

const struct enc_box_link enc_box_link_agent = {
    .name = "agent",
    .describe = agent_describe,
    .stage = "reach the agent in the container",
    .feed = agent_feed,
    .close = agent_close,
};
