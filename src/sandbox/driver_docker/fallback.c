/* The agent or docker exec; and from the one to the other where the agent cannot run: a security
 * profile, a runtime or a mount option that its container has and that nobody could know before.
 * Only while no agent has ever come up with this config, and only where the caller left the
 * choice. */
#include <string.h>

#include "driver_docker.h"

#define CLEAR_LIMIT (10 * ENC_NS_PER_S)
#define CLEAR_PAUSE (50 * ENC_NS_PER_MS)

/* The one place where a channel is chosen. */
const struct enc_box_link *enc_box_choose_link(const struct enc_docker_host *host,
                                               const struct enc_config *config,
                                               struct enclave_error *err) {
    if (config->channel == ENC_CHANNEL_EXEC)
        return &enc_box_link_exec;
    if (host->agent_fits && !(config->agent_fails && config->channel == ENC_CHANNEL_AUTO))
        return &enc_box_link_agent;
    if (config->channel == ENC_CHANNEL_AUTO)
        return &enc_box_link_exec;
    enc_fail(err,
             ENCLAVE_INVALID,
             "sandbox.create",
             "channel \"agent\": the agent cannot run on this Docker Engine; use \"auto\" or "
             "\"exec\"");
    return NULL;
}

static void clear(struct enc_box *box);

static void on_clear_again(struct enc_timer *timer) {
    clear(ENC_CONTAINER_OF(timer, struct enc_box, timer));
}

static void on_cleared(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_box *box = data;
    (void)reply;
    box->call = NULL;
    if (err && err->http_status == 409 && enc_deadline_left(box->give_up)) { /* Docker is at it */
        box->timer.fire = on_clear_again;
        if (!enc_timer_start(box->host->base.loop, &box->timer, enc_deadline_in(CLEAR_PAUSE)))
            return;
    }
    box->falling = false;
    if (err && err->http_status != 404) {
        enc_box_fail(box, err);
        return;
    }
    box->id[0] = '\0';
    box->stage = "create the container";
    enc_box_request(box);
}

/* Its container has the name that the next one needs. */
static void clear(struct enc_box *box) {
    struct enc_docker_for to = {box->give_up, on_cleared, box};
    box->call = enc_docker_container_remove(box->host->docker, box->id, true, to, &box->trouble);
    if (!box->call) {
        box->falling = false;
        enc_box_fail_later(box);
    }
}

static void on_fall(struct enc_timer *timer) {
    struct enc_box *box = ENC_CONTAINER_OF(timer, struct enc_box, timer);
    enc_stream_close(box->stream);
    box->stream = NULL;
    box->link->close(box);
    enc_docker_cancel(box->call);
    box->link = &enc_box_link_exec;
    enc_buf_free(&box->said);
    box->demux = (struct enc_demux){0};
    box->ended = false;
    box->give_up = enc_deadline_in(CLEAR_LIMIT);
    clear(box);
}

bool enc_box_fall_back(struct enc_box *box, const struct enclave_error *err) {
    struct enc_sandbox *sandbox = box->sandbox;
    struct enc_config *config = sandbox->config;
    if (box->link != &enc_box_link_agent || config->channel != ENC_CHANNEL_AUTO ||
        config->agent_ran || sandbox->channel_state || !box->id[0] || box->removing)
        return false;
    if (err->code != ENCLAVE_DOCKER && err->code != ENCLAVE_LOST && err->code != ENCLAVE_TIMEOUT)
        return false;
    if (strstr(err->message, "no such file")) /* its volume was removed: it will be there again */
        return false;
    if (strncmp(err->message, "network ", 8) == 0) /* is not there: no other way has it either */
        return false;
    if (strstr(err->message, "external connectivity")) /* a port is taken, maybe not for long */
        return false;
    box->timer.fire = on_fall;
    if (enc_timer_start(box->host->base.loop, &box->timer, 0))
        return false;
    if (!config->agent_fails)
        enc_log(box->host->base.log,
                ENC_LOG_WARN,
                "the agent cannot run in a container of image %s: %s%s%.*s; docker exec "
                "is tried in its place, which is slow",
                config->image,
                err->message,
                box->said.len ? ": " : "",
                (int)(box->said.len ? strcspn(box->said.data, "\r\n") : 0),
                box->said.len ? box->said.data : "");
    config->agent_fails = box->falling = true;
    return true;
}
