/* channel_agent_fixture.h - a sandbox whose agent is the test itself: what the channel sent
 * is taken apart, and the test says what an agent would, byte for byte. */
#ifndef ENC_CHANNEL_AGENT_FIXTURE_H
#define ENC_CHANNEL_AGENT_FIXTURE_H

#include "channel_agent/channel_agent.h"
#include "fixture.h"
#include "wire.h"

/* ---- a driver whose sandboxes are this test --------------------------------------- */

static struct {
    struct enc_buf sent; /* by the channel */
    size_t queued;
    struct enc_wire_peer wire;
} agent;

static int agent_write(void *data, const void *bytes, size_t len) {
    (void)data;
    assert_true(enc_buf_append(&agent.sent, bytes, len));
    return 0;
}

static size_t agent_queued(void *data) {
    (void)data;
    return agent.queued;
}

static const struct enc_agent_transport transport = {agent_write, agent_queued};

static void driver_create(struct enc_host *host, struct enc_sandbox *sandbox) {
    struct enclave_error err = {0};
    sandbox->driver_state = host;
    assert_int_equal(enc_channel_agent_open(sandbox, &transport, NULL, &err), 0);
}

static void driver_destroy(struct enc_sandbox *sandbox) {
    enc_sandbox_gone(sandbox);
}

static const struct enc_driver driver = {
    .name = "test", .create = driver_create, .destroy = driver_destroy};

/* ---- one sandbox ------------------------------------------------------------------ */

static struct {
    struct enc_loop *loop;
    struct enc_host host;
    struct enc_sandbox *sandbox;
    bool ready, broken, gone;
    struct enclave_error why;
    bool run_done, reset_done, transfer_done;
    struct enc_run_result result;
    struct enclave_error run_err, transfer_err, reset_err;
    struct enc_reset_report report;
    struct enc_buf got;
} here;

static void on_ready(void *data, struct enc_sandbox *sandbox) {
    (void)data;
    (void)sandbox;
    here.ready = true;
}

static void on_broken(void *data, struct enc_sandbox *sandbox, const struct enclave_error *err) {
    (void)data;
    (void)sandbox;
    here.broken = true;
    here.why = *err;
}

static void on_gone(void *data, struct enc_sandbox *sandbox) {
    (void)data;
    (void)sandbox;
    here.gone = true;
}

static const struct enc_sandbox_events events = {on_ready, on_broken, on_gone};

static struct enc_wire_frame expect(enum enc_wire_type type) {
    struct enc_wire_frame frame;
    const char *reason = NULL;
    size_t need = 0;
    static size_t taken;
    if (agent.sent.len == 0 || !agent.wire.greeted)
        taken = 0;
    enc_buf_consume(&agent.sent, taken);
    taken = 0;
    if (enc_wire_next(&agent.wire, agent.sent.data, agent.sent.len, &frame, &need, &reason) != 1)
        fail_msg("the channel did not send %s", enc_wire_type_name(type));
    assert_string_equal(enc_wire_type_name(frame.type), enc_wire_type_name(type));
    taken = ENC_WIRE_HEADER + frame.len;
    return frame;
}

static void feed(const void *bytes, size_t len) {
    enc_channel_agent_feed(here.sandbox, bytes, len);
}

/* As the agent: a frame of numbers (tag, number, …, 0). */
static void say(enum enc_wire_type type, uint32_t id, ...) {
    uint8_t bytes[512];
    struct enc_wire_writer writer;
    va_list args;
    int tag;
    enc_wire_begin(&writer, bytes, sizeof bytes, type, id);
    va_start(args, id);
    while ((tag = va_arg(args, int)))
        enc_wire_put_number(&writer, (enum enc_wire_tag)tag, va_arg(args, uint64_t));
    va_end(args);
    assert_true(enc_wire_end(&writer));
    for (size_t i = 0; i < writer.len; i++) /* byte for byte: the worst way to come */
        feed(bytes + i, 1);
}

static void say_data(enum enc_wire_type type, uint32_t id, const char *text) {
    uint8_t header[ENC_WIRE_HEADER];
    enc_wire_header(header, type, id, strlen(text));
    feed(header, sizeof header);
    feed(text, strlen(text));
}

static void say_hello(void) {
    uint8_t bytes[64];
    struct enc_wire_writer writer;
    enc_wire_begin(&writer, bytes, sizeof bytes, ENC_WIRE_HELLO, 0);
    enc_wire_put_text(&writer, ENC_WIRE_TAG_MAGIC, ENC_WIRE_MAGIC);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_VERSION, ENC_WIRE_VERSION);
    assert_true(enc_wire_end(&writer));
    feed(bytes, writer.len);
}

static int set_up(void **state) {
    struct enclave_error err = {0};
    (void)state;
    memset(&here, 0, sizeof here);
    memset(&agent, 0, sizeof agent);
    agent.wire.way = ENC_WIRE_TO_AGENT;
    here.loop = enc_loop_new(NULL, &err);
    assert_non_null(here.loop);
    here.host = (struct enc_host){.driver = &driver, .loop = here.loop, .owner = "test"};
    struct enc_config *config =
        config_of("{\"env_vars\": {\"A\": \"b\"}, \"timeout\": 7}", ENC_FOR_POOL);
    here.sandbox = enc_sandbox_new(&here.host, config, NULL, &events, NULL, &err);
    enc_config_unref(config);
    assert_non_null(here.sandbox);
    UNTIL(here.loop, agent.sent.len > 0);
    expect(ENC_WIRE_HELLO);
    struct enc_wire_frame frame = expect(ENC_WIRE_CONFIG);
    assert_string_equal(enc_wire_text(&frame, ENC_WIRE_TAG_WORK_FOLDER, ""), "/sandbox");
    assert_string_equal(enc_wire_text(&frame, ENC_WIRE_TAG_ENV, ""), "A=b");
    return 0;
}

static int start_ready(void **state) {
    set_up(state);
    say_hello();
    say(ENC_WIRE_READY, 0, 0);
    assert_true(here.ready);
    return 0;
}

static int set_down(void **state) {
    (void)state;
    enc_sandbox_destroy(here.sandbox, NULL);
    UNTIL(here.loop, here.gone);
    enc_loop_free(here.loop);
    enc_buf_free(&agent.sent);
    enc_buf_free(&here.result.out.bytes);
    enc_buf_free(&here.result.err.bytes);
    enc_buf_free(&here.got);
    return 0;
}

static void on_run_done(void *data,
                        struct enc_run_result *result,
                        const struct enclave_error *err) {
    (void)data;
    here.run_done = true;
    here.result = *result;
    here.result.out.bytes = enc_buf_steal(&result->out.bytes);
    here.result.err.bytes = enc_buf_steal(&result->err.bytes);
    if (err)
        here.run_err = *err;
}

static const struct enc_run_events run_events = {.on_done = on_run_done};

static const char *const argv[] = {"prog", "arg", NULL};

static struct enc_run *run(struct enc_run_spec spec) {
    struct enclave_error err = {0};
    if (!spec.argv)
        spec.argv = argv;
    if (!spec.deadline)
        spec.deadline = ENC_NEVER;
    struct enc_run *started = enc_run_start(here.sandbox, &spec, &run_events, NULL, &err);
    if (!started)
        fail_msg("%s", err.message);
    return started;
}

static void expect_protocol(void) {
    assert_true(here.broken);
    assert_string_equal(enclave_code_name(here.why.code), "protocol");
}

#endif
