#include "channel_agent.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

#define PING_EVERY (3 * ENC_NS_PER_S)
#define PONG_LIMIT (4 * ENC_NS_PER_S)
#define LINES_MAX  200 /* that an agent may have logged */

static struct enc_loop *loop_of(const struct enc_agent *agent) {
    return agent->sandbox->host->loop;
}

void enc_agent_broke(struct enc_agent *agent, const char *format, ...) {
    struct enclave_error err;
    char what[200];
    va_list args;
    if (agent->broken)
        return;
    agent->broken = true;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    enc_fail(&err,
             ENCLAVE_PROTOCOL,
             "sandbox",
             "the agent of sandbox %s broke the protocol: %s",
             agent->sandbox->id,
             what);
    enc_sandbox_broken(agent->sandbox, &err);
}

/* ---- sending -------------------------------------------------------------------- */

static void send_bytes(struct enc_agent *agent, const void *bytes, size_t len) {
    if (!agent->broken && len)
        agent->transport->write(agent->data, bytes, len);
}

void enc_agent_send(
    struct enc_agent *agent, enum enc_wire_type type, uint32_t id, const void *body, size_t len) {
    uint8_t header[ENC_WIRE_HEADER];
    enc_wire_header(header, type, id, len);
    send_bytes(agent, header, sizeof header);
    send_bytes(agent, body, len);
}

void *enc_agent_begin(struct enc_wire_writer *writer,
                      size_t room,
                      enum enc_wire_type type,
                      uint32_t id) {
    void *bytes = malloc(room);
    if (bytes)
        enc_wire_begin(writer, bytes, room, type, id);
    return bytes;
}

void enc_agent_end(struct enc_agent *agent, struct enc_wire_writer *writer) {
    if (enc_wire_end(writer))
        send_bytes(agent, writer->bytes, writer->len);
    free(writer->bytes);
}

/* ---- its configuration ---------------------------------------------------------- */

/* Where a run can write and nothing is meant to last: never what the caller has bound. */
static void put_places(struct enc_wire_writer *writer, const struct enc_config *config) {
    const char *const always[] = {
        config->working_dir, "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue"};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) {
        if (!enc_config_is_bound(config, always[i]))
            enc_wire_put_text(writer, ENC_WIRE_TAG_PLACE, always[i]);
    }
    for (const struct enc_pair *pair = config->tmpfs; pair && pair->name; pair++) {
        if (strcmp(pair->name, config->working_dir) != 0)
            enc_wire_put_text(writer, ENC_WIRE_TAG_PLACE, pair->name);
    }
}

static void put_config(struct enc_wire_writer *writer, const struct enc_config *config) {
    enc_wire_put_text(writer, ENC_WIRE_TAG_WORK_FOLDER, config->working_dir);
    enc_wire_put_text(writer, ENC_WIRE_TAG_USER, config->user);
    put_places(writer, config);
    for (const struct enc_pair *pair = config->env; pair && pair->name; pair++) {
        char *text;
        if (asprintf(&text, "%s=%s", pair->name, pair->value) < 0)
            continue;
        enc_wire_put_text(writer, ENC_WIRE_TAG_ENV, text);
        free(text);
    }
    for (char **word = config->command; word && *word; word++)
        enc_wire_put_text(writer, ENC_WIRE_TAG_ARG, *word);
    for (char **name = config->warm; name && *name; name++)
        enc_wire_put_text(writer, ENC_WIRE_TAG_WARM, *name);
    for (char **name = config->preload; name && *name; name++)
        enc_wire_put_text(writer, ENC_WIRE_TAG_PRELOAD, *name);
}

static int greet(struct enc_agent *agent, struct enclave_error *err) {
    const struct enc_config *config = agent->sandbox->config;
    uint8_t hello[64];
    struct enc_wire_writer writer;
    enc_wire_begin(&writer, NULL, 0, ENC_WIRE_CONFIG, 0);
    put_config(&writer, config);
    if (writer.len > ENC_WIRE_REQUEST_MAX)
        return enc_fail(err, ENCLAVE_INVALID, "sandbox.create", "env_vars: they are too long");
    if (!enc_agent_begin(&writer, writer.len, ENC_WIRE_CONFIG, 0))
        return enc_fail_nomem(err, "sandbox.create");
    put_config(&writer, config);
    struct enc_wire_writer first;
    enc_wire_begin(&first, hello, sizeof hello, ENC_WIRE_HELLO, 0);
    enc_wire_put_text(&first, ENC_WIRE_TAG_MAGIC, ENC_WIRE_MAGIC);
    enc_wire_put_number(&first, ENC_WIRE_TAG_VERSION, ENC_WIRE_VERSION);
    enc_wire_end(&first);
    send_bytes(agent, hello, first.len);
    enc_agent_end(agent, &writer);
    return 0;
}

/* ---- receiving ------------------------------------------------------------------ */

/* A line of its own words: bounded, and nothing in it that a terminal would obey. */
static void log_line(struct enc_agent *agent, const char *text) {
    char line[320];
    size_t len = 0;
    for (; *text && len < sizeof line - 1; text++)
        line[len++] = (unsigned char)*text < ' ' || *text == 127 ? '?' : *text;
    line[len] = '\0';
    if (++agent->lines > LINES_MAX)
        enc_agent_broke(agent, "it says too much");
    else
        enc_log(
            agent->sandbox->host->log, ENC_LOG_WARN, "sandbox %s: %s", agent->sandbox->id, line);
}

static void on_service(struct enc_agent *agent, const struct enc_wire_frame *frame) {
    char line[200];
    uint64_t signal = enc_wire_number(frame, ENC_WIRE_TAG_SIGNAL, 0);
    snprintf(line,
             sizeof line,
             "its command ended with %s %u %.100s",
             signal ? "signal" : "code",
             (unsigned)(signal ? signal : enc_wire_number(frame, ENC_WIRE_TAG_EXIT_CODE, 0)),
             enc_wire_text(frame, ENC_WIRE_TAG_TEXT, ""));
    log_line(agent, line);
}

static void on_cleaned(struct enc_agent *agent, const struct enc_wire_frame *frame) {
    struct enc_reset_report report = {
        .ns = enc_wire_number(frame, ENC_WIRE_TAG_DURATION, 0),
        .processes = (uint32_t)enc_wire_number(frame, ENC_WIRE_TAG_KILLED, 0),
        .files = (uint32_t)enc_wire_number(frame, ENC_WIRE_TAG_REMOVED, 0),
        .ipc = (uint32_t)enc_wire_number(frame, ENC_WIRE_TAG_IPC_REMOVED, 0),
    };
    struct enclave_error err;
    agent->resetting = false;
    if (enc_wire_number(frame, ENC_WIRE_TAG_FAILURE, ENC_WIRE_OK) == ENC_WIRE_OK) {
        enc_sandbox_was_reset(agent->sandbox, &report, NULL);
        return;
    }
    enc_fail(&err,
             ENCLAVE_INTERNAL,
             "sandbox.reset",
             "sandbox %s could not be cleaned: %.300s",
             agent->sandbox->id,
             enc_wire_text(frame, ENC_WIRE_TAG_TEXT, "no reason was given"));
    enc_sandbox_was_reset(agent->sandbox, &report, &err);
}

/* What may come at any time. False: another type. */
static bool take_general(struct enc_agent *agent, const struct enc_wire_frame *frame) {
    switch (frame->type) {
    case ENC_WIRE_HELLO:
        return true;
    case ENC_WIRE_READY:
        if (agent->configured)
            return false;
        agent->configured = true;
        agent->sandbox->config->agent_ran = true;
        enc_sandbox_ready(agent->sandbox);
        return true;
    case ENC_WIRE_PONG:
        return true; /* that it came at all is what counts */
    case ENC_WIRE_LOG:
        log_line(agent, enc_wire_text(frame, ENC_WIRE_TAG_TEXT, ""));
        return true;
    case ENC_WIRE_SERVICE:
        on_service(agent, frame);
        return true;
    case ENC_WIRE_CLEANED:
        if (!agent->resetting)
            return false;
        on_cleaned(agent, frame);
        return true;
    default:
        return false;
    }
}

static void take(struct enc_agent *agent, const struct enc_wire_frame *frame) {
    bool known = take_general(agent, frame);
    if (!known && agent->configured) {
        if (frame->type == ENC_WIRE_DONE)
            known = enc_agent_done(agent, frame);
        else if (frame->type == ENC_WIRE_FILE)
            known = enc_agent_file(agent, frame);
        else
            known = enc_agent_run_frame(agent, frame);
    }
    if (!known)
        enc_agent_broke(
            agent, "%s for %u, which is not expected", enc_wire_type_name(frame->type), frame->id);
}

/* Takes whole frames; how many bytes they were. */
static size_t take_frames(struct enc_agent *agent, const char *bytes, size_t len, size_t *need) {
    struct enc_wire_frame frame;
    const char *reason = NULL;
    size_t at = 0;
    int state = 0;
    while (!agent->broken &&
           (state = enc_wire_next(&agent->peer, bytes + at, len - at, &frame, need, &reason)) > 0) {
        take(agent, &frame);
        at += ENC_WIRE_HEADER + frame.len;
    }
    if (!agent->broken && state < 0)
        enc_agent_broke(agent, "%s", reason);
    return at;
}

/* Its one frame that came in pieces is completed in got; the others are taken where they
 * are. */
void enc_channel_agent_feed(struct enc_sandbox *sandbox, const char *bytes, size_t len) {
    struct enc_agent *agent = sandbox->channel_state;
    size_t need = ENC_WIRE_HEADER;
    if (!agent || agent->broken || !len)
        return;
    agent->heard_ns = enc_now();
    agent->pinged = false;
    while (len > 0 && agent->got.len > 0 && !agent->broken) {
        size_t taken = take_frames(agent, agent->got.data, agent->got.len, &need);
        enc_buf_consume(&agent->got, taken);
        if (taken > 0 || agent->broken)
            continue;
        size_t more = need - agent->got.len < len ? need - agent->got.len : len;
        if (!enc_buf_append(&agent->got, bytes, more)) {
            enc_agent_broke(agent, "there is no memory for what it says");
            return;
        }
        bytes += more;
        len -= more;
        taken = take_frames(agent, agent->got.data, agent->got.len, &need);
        enc_buf_consume(&agent->got, taken);
    }
    if (len > 0 && !agent->broken) {
        size_t taken = take_frames(agent, bytes, len, &need);
        if (!agent->broken && !enc_buf_append(&agent->got, bytes + taken, len - taken))
            enc_agent_broke(agent, "there is no memory for what it says");
    }
}

void enc_channel_agent_drained(struct enc_sandbox *sandbox) {
    if (sandbox->channel_state)
        enc_agent_put_more(sandbox->channel_state);
}

/* ---- its life ------------------------------------------------------------------- */

/* Whether it still answers; a frozen container keeps its connection. */
static void on_ping(struct enc_timer *timer) {
    struct enc_agent *agent = ENC_CONTAINER_OF(timer, struct enc_agent, ping);
    struct enclave_error err;
    uint64_t next = PING_EVERY;
    if (agent->broken)
        return;
    if (agent->pinged) {
        agent->broken = true;
        enc_fail(&err,
                 ENCLAVE_LOST,
                 "sandbox",
                 "the agent of sandbox %s does not answer",
                 agent->sandbox->id);
        enc_sandbox_broken(agent->sandbox, &err);
        return;
    }
    uint64_t silent = enc_now() - agent->heard_ns;
    if (agent->peer.greeted && silent >= PING_EVERY) {
        agent->pinged = true;
        enc_agent_send(agent, ENC_WIRE_PING, 1, NULL, 0);
        next = PONG_LIMIT;
    } else if (silent < PING_EVERY) {
        next -= silent;
    }
    enc_timer_start(loop_of(agent), timer, enc_deadline_in(next));
}

static int agent_reset(struct enc_sandbox *sandbox, struct enclave_error *err) {
    struct enc_agent *agent = sandbox->channel_state;
    if (!agent || agent->broken || agent->resetting)
        return enc_fail(err, ENCLAVE_CLOSED, "sandbox.reset", "it cannot be cleaned now");
    agent->resetting = true;
    enc_agent_send(agent, ENC_WIRE_RESET, 0, NULL, 0);
    return 0;
}

static void agent_close(struct enc_sandbox *sandbox) {
    struct enc_agent *agent = ENC_STEAL(sandbox->channel_state);
    struct enc_list *each;
    if (!agent)
        return;
    enc_timer_stop(loop_of(agent), &agent->ping);
    while ((each = enc_list_pop_front(&agent->away)))
        free(ENC_CONTAINER_OF(each, struct enc_agent_away, in_agent));
    enc_buf_free(&agent->got);
    free(agent);
}

static const struct enc_channel enc_channel_agent = {
    .name = "agent",
    .run = enc_agent_run,
    .run_input = enc_agent_run_input,
    .run_input_end = enc_agent_run_input_end,
    .run_pause = enc_agent_run_pause,
    .run_kill = enc_agent_run_kill,
    .run_end = enc_agent_run_end,
    .transfer = enc_agent_transfer,
    .transfer_end = enc_agent_transfer_end,
    .reset = agent_reset,
    .close = agent_close,
};

int enc_channel_agent_open(struct enc_sandbox *sandbox,
                           const struct enc_agent_transport *transport,
                           void *data,
                           struct enclave_error *err) {
    struct enc_agent *agent = calloc(1, sizeof *agent);
    if (!agent)
        return enc_fail_nomem(err, "sandbox.create");
    agent->sandbox = sandbox;
    agent->transport = transport;
    agent->data = data;
    agent->peer.way = ENC_WIRE_TO_ENGINE;
    agent->heard_ns = enc_now();
    agent->ping.fire = on_ping;
    enc_list_init(&agent->puts);
    enc_list_init(&agent->away);
    if (enc_timer_start(sandbox->host->loop, &agent->ping, enc_deadline_in(PING_EVERY)) < 0 ||
        greet(agent, err) < 0) {
        enc_timer_stop(sandbox->host->loop, &agent->ping);
        free(agent);
        return err && err->code ? -1 : enc_fail_nomem(err, "sandbox.create");
    }
    sandbox->channel = &enc_channel_agent;
    sandbox->channel_state = agent;
    return 0;
}
