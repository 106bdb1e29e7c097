/* The agent channel against an agent that the test plays: what it sends, what it makes of
 * the answers, and that a hostile one loses its own sandbox alone. */
#include "channel_agent_fixture.h"

static void test_a_run(void **state) {
    static const char *const env[] = {"X=y", NULL};
    (void)state;
    struct enc_run *started = run((struct enc_run_spec){.env = env,
                                                        .cwd = "/tmp",
                                                        .warm = "python3",
                                                        .code = "pass",
                                                        .code_len = 4,
                                                        .code_path = "main.py",
                                                        .stdin_data = "in",
                                                        .stdin_len = 2});
    uint32_t id = started->id;
    struct enc_wire_frame frame = expect(ENC_WIRE_RUN);
    assert_int_equal(frame.id, id);
    assert_string_equal(enc_wire_text(&frame, ENC_WIRE_TAG_ARG, ""), "arg");
    assert_string_equal(enc_wire_text(&frame, ENC_WIRE_TAG_ENV, ""), "X=y");
    assert_string_equal(enc_wire_text(&frame, ENC_WIRE_TAG_WARM, ""), "python3");
    assert_string_equal(enc_wire_text(&frame, ENC_WIRE_TAG_CODE_PATH, ""), "main.py");
    assert_int_equal(enc_wire_number(&frame, ENC_WIRE_TAG_STDIN_OPEN, 0), 0);
    uint64_t timeout = enc_wire_number(&frame, ENC_WIRE_TAG_TIMEOUT, 0);
    assert_true(timeout > SECONDS(1) && timeout <= SECONDS(7));
    say_data(ENC_WIRE_OUTPUT, id, "out");
    say_data(ENC_WIRE_ERRORS, id, "err");
    say(ENC_WIRE_EXIT,
        id,
        ENC_WIRE_TAG_EXIT_CODE,
        (uint64_t)3,
        ENC_WIRE_TAG_WALL,
        (uint64_t)5,
        ENC_WIRE_TAG_USER_TIME,
        (uint64_t)6,
        ENC_WIRE_TAG_PEAK_MEMORY,
        (uint64_t)7,
        ENC_WIRE_TAG_LIMIT,
        (uint64_t)ENC_WIRE_LIMIT_PIDS,
        ENC_WIRE_TAG_OUTPUT_TOTAL,
        (uint64_t)1000,
        ENC_WIRE_TAG_ERRORS_TOTAL,
        (uint64_t)3,
        ENC_WIRE_TAG_WAS_WARM,
        (uint64_t)1,
        0);
    assert_true(here.run_done);
    assert_int_equal(here.result.status, ENC_RUN_EXITED);
    assert_int_equal(here.result.exit_code, 3);
    assert_string_equal(here.result.limit, "pids");
    assert_string_equal(here.result.isolation, "reset");
    assert_true(here.result.warm && here.result.out.truncated && !here.result.err.truncated);
    assert_int_equal(here.result.out.total, 1000);
    assert_string_equal(here.result.out.bytes.data, "out");
    assert_string_equal(here.result.err.bytes.data, "err");
    assert_int_equal(here.result.wall_ns, 5);
    assert_false(here.broken);
}

static void test_timeout_and_signal(void **state) {
    (void)state;
    uint32_t id = run((struct enc_run_spec){.argv = NULL})->id;
    say(ENC_WIRE_EXIT,
        id,
        ENC_WIRE_TAG_SIGNAL,
        (uint64_t)9,
        ENC_WIRE_TAG_TIMED_OUT,
        (uint64_t)1,
        ENC_WIRE_TAG_LIMIT,
        (uint64_t)ENC_WIRE_LIMIT_TIME,
        0);
    assert_int_equal(here.result.status, ENC_RUN_TIMEOUT);
    assert_int_equal(here.result.exit_code, -1);
    assert_int_equal(here.result.term_signal, 9);
    assert_string_equal(here.result.limit, "time");
}

static void test_cancel(void **state) {
    (void)state;
    struct enc_run *started = run((struct enc_run_spec){.argv = NULL});
    uint32_t id = started->id;
    expect(ENC_WIRE_RUN);
    enc_run_cancel(started);
    assert_int_equal(expect(ENC_WIRE_STOP).id, id);
    assert_false(here.run_done);
    say(ENC_WIRE_EXIT, id, ENC_WIRE_TAG_SIGNAL, (uint64_t)9, 0);
    assert_int_equal(here.result.status, ENC_RUN_CANCELLED);
}

static void test_long_code_goes_first(void **state) {
    (void)state;
    size_t len = 1000000, got = 0;
    char *code = malloc(len);
    memset(code, 'c', len);
    agent.queued = 0;
    struct enc_run *started =
        run((struct enc_run_spec){.code = code, .code_len = len, .code_path = "main.py"});
    free(code); /* it was copied */
    uint32_t id = started->id;
    assert_int_equal(expect(ENC_WIRE_PUT).id, id);
    while (got < len)
        got += expect(ENC_WIRE_DATA).len;
    expect(ENC_WIRE_PUT_END);
    say(ENC_WIRE_DONE, id, 0);
    struct enc_wire_frame frame = expect(ENC_WIRE_RUN);
    assert_string_equal(enc_wire_text(&frame, ENC_WIRE_TAG_CODE_PATH, "none"), "none");
    say(ENC_WIRE_EXIT, id, ENC_WIRE_TAG_EXIT_CODE, (uint64_t)0, 0);
    assert_true(here.run_done && !here.broken);
}

static void test_long_code_that_does_not_fit(void **state) {
    (void)state;
    size_t len = 1000000;
    char *code = calloc(1, len);
    uint32_t id =
        run((struct enc_run_spec){.code = code, .code_len = len, .code_path = "main.py"})->id;
    free(code);
    say(ENC_WIRE_DONE, id, ENC_WIRE_TAG_FAILURE, (uint64_t)ENC_WIRE_EXHAUSTED, 0);
    assert_int_equal(here.result.exit_code, 126);
    assert_string_equal(here.result.limit, "disk");
    assert_false(here.broken);
}

static void test_input_keeps_to_the_window(void **state) {
    (void)state;
    size_t len = 1000000, sent = 0;
    char *bytes = calloc(1, len);
    struct enc_run *started = run((struct enc_run_spec){.stdin_open = true});
    uint32_t id = started->id;
    expect(ENC_WIRE_RUN);
    assert_int_equal(enc_run_input(started, bytes, len, NULL), 0);
    enc_run_input_end(started);
    while (sent < ENC_WIRE_WINDOW)
        sent += expect(ENC_WIRE_INPUT).len;
    assert_int_equal(sent, ENC_WIRE_WINDOW);
    while (sent < len) {
        say(ENC_WIRE_CREDIT, id, ENC_WIRE_TAG_BYTE_COUNT, (uint64_t)1000, 0);
        sent += expect(ENC_WIRE_INPUT).len;
    }
    expect(ENC_WIRE_INPUT_END);
    free(bytes);
    say(ENC_WIRE_CREDIT, id, ENC_WIRE_TAG_BYTE_COUNT, (uint64_t)ENC_WIRE_WINDOW + 1, 0);
    expect_protocol();
}

static void on_transfer_done(void *data,
                             struct enc_transfer *transfer,
                             const struct enclave_error *err) {
    (void)data;
    here.transfer_done = true;
    here.got = enc_buf_steal(&transfer->got);
    if (err)
        here.transfer_err = *err;
}

static struct enc_transfer *get(size_t max) {
    return enc_sandbox_get(here.sandbox, "f", max, ENC_NEVER, on_transfer_done, NULL, NULL);
}

static void test_files(void **state) {
    (void)state;
    struct enc_transfer *transfer = get(10);
    uint32_t id = transfer->id;
    assert_int_equal(expect(ENC_WIRE_GET).id, id);
    say_data(ENC_WIRE_FILE, id, "12345");
    say(ENC_WIRE_DONE, id, 0);
    assert_true(here.transfer_done);
    assert_string_equal(here.got.data, "12345");
    enc_buf_free(&here.got);
    id = get(10)->id;
    say(ENC_WIRE_DONE, id, ENC_WIRE_TAG_FAILURE, (uint64_t)ENC_WIRE_NOT_FOUND, 0);
    assert_int_equal(here.transfer_err.code, ENCLAVE_NOT_FOUND);
    assert_false(here.broken);
}

static void test_a_put_waits_for_the_queue(void **state) {
    (void)state;
    size_t len = 300000;
    char *bytes = calloc(1, len);
    agent.queued = 1u << 20;
    struct enc_transfer *put = enc_sandbox_put(
        here.sandbox, ENC_PUT_FILE, "f", 0, bytes, len, ENC_NEVER, on_transfer_done, NULL, NULL);
    assert_non_null(put);
    expect(ENC_WIRE_PUT);
    agent.queued = 0;
    enc_channel_agent_drained(here.sandbox);
    for (size_t got = 0; got < len;)
        got += expect(ENC_WIRE_DATA).len;
    expect(ENC_WIRE_PUT_END);
    say(ENC_WIRE_DONE, put->id, 0);
    assert_true(here.transfer_done);
    free(bytes);
}

static void test_a_transfer_that_was_given_up(void **state) {
    (void)state;
    struct enc_transfer *transfer = get(10);
    uint32_t id = transfer->id;
    expect(ENC_WIRE_GET);
    enc_transfer_cancel(transfer);
    expect(ENC_WIRE_STOP);
    say_data(ENC_WIRE_FILE, id, "late");
    say(ENC_WIRE_DONE, id, 0);
    assert_false(here.broken || here.transfer_done);
    say(ENC_WIRE_DONE, id, 0); /* but not twice */
    expect_protocol();
}

static void on_reset_done(void *data,
                          const struct enc_reset_report *report,
                          const struct enclave_error *err) {
    (void)data;
    here.reset_done = true;
    if (report)
        here.report = *report;
    if (err)
        here.reset_err = *err;
}

static void test_reset(void **state) {
    (void)state;
    assert_int_equal(enc_sandbox_reset(here.sandbox, on_reset_done, NULL, NULL), 0);
    UNTIL(here.loop, agent.sent.len > 0);
    expect(ENC_WIRE_RESET);
    say(ENC_WIRE_CLEANED,
        0,
        ENC_WIRE_TAG_KILLED,
        (uint64_t)1,
        ENC_WIRE_TAG_REMOVED,
        (uint64_t)2,
        ENC_WIRE_TAG_IPC_REMOVED,
        (uint64_t)3,
        ENC_WIRE_TAG_DURATION,
        (uint64_t)4,
        0);
    assert_true(here.reset_done && here.reset_err.code == ENCLAVE_OK);
    assert_true(here.report.processes == 1 && here.report.files == 2 && here.report.ipc == 3);
    here.reset_done = false;
    assert_int_equal(enc_sandbox_reset(here.sandbox, on_reset_done, NULL, NULL), 0);
    say(ENC_WIRE_CLEANED, 0, ENC_WIRE_TAG_FAILURE, (uint64_t)ENC_WIRE_FAILED, 0);
    assert_true(here.reset_done && here.reset_err.code == ENCLAVE_INTERNAL);
    say(ENC_WIRE_CLEANED, 0, 0);
    expect_protocol();
}

static void test_hostile(void **state) {
    static const uint8_t huge[ENC_WIRE_HEADER] = {
        0xff, 0xff, 0xff, 0xff, ENC_WIRE_OUTPUT, 0, 0, 0, 1};
    struct {
        enum enc_wire_type type;
        uint32_t id;
    } strays[] = {{ENC_WIRE_OUTPUT, 99},
                  {ENC_WIRE_EXIT, 99},
                  {ENC_WIRE_CREDIT, 99},
                  {ENC_WIRE_FILE, 99},
                  {ENC_WIRE_DONE, 99},
                  {ENC_WIRE_READY, 0},
                  {ENC_WIRE_CLEANED, 0}};
    for (size_t i = 0; i < sizeof strays / sizeof *strays; i++) {
        say(strays[i].type, strays[i].id, 0);
        expect_protocol();
        say(strays[i].type, strays[i].id, 0); /* and nothing more happens */
        set_down(state);
        start_ready(state);
    }
    feed("garbage and more of it", 22);
    expect_protocol();
    set_down(state);
    start_ready(state);
    feed(huge, sizeof huge);
    expect_protocol();
    set_down(state);
    start_ready(state);
    for (int i = 0; i < 1000 && !here.broken; i++)
        say(ENC_WIRE_LOG, 0, 0);
    expect_protocol();
    set_down(state);
    start_ready(state);
    get(3);
    say_data(ENC_WIRE_FILE, here.sandbox->last_run_id, "more than three");
    expect_protocol();
}

static void test_a_run_ends_when_the_agent_misbehaves(void **state) {
    (void)state;
    uint32_t id = run((struct enc_run_spec){.argv = NULL})->id;
    say_data(ENC_WIRE_OUTPUT, id, "part");
    say(ENC_WIRE_EXIT, id, ENC_WIRE_TAG_EXIT_CODE, (uint64_t)256, 0); /* there is no such code */
    expect_protocol();
    UNTIL(here.loop, here.run_done);
    assert_int_equal(here.run_err.code, ENCLAVE_PROTOCOL);
    assert_int_equal(here.result.exit_code, -1);
    assert_string_equal(here.result.out.bytes.data, "part");
}

static void test_nothing_counts_before_ready(void **state) {
    (void)state;
    say_hello();
    assert_false(here.ready);
    say(ENC_WIRE_EXIT, 1, ENC_WIRE_TAG_EXIT_CODE, (uint64_t)0, 0);
    expect_protocol();
}

/* As that of a container that is paused while its sandbox is made. */
static void test_a_silent_agent_is_asked_before_it_is_ready(void **state) {
    (void)state;
    say_hello();
    UNTIL(here.loop, here.broken);
    expect(ENC_WIRE_PING);
    assert_int_equal(here.why.code, ENCLAVE_LOST);
    assert_false(here.ready);
}

int main(void) {
#define READY(test) cmocka_unit_test_setup_teardown(test, start_ready, set_down)
    const struct CMUnitTest tests[] = {
        READY(test_a_run),
        READY(test_timeout_and_signal),
        READY(test_cancel),
        READY(test_long_code_goes_first),
        READY(test_long_code_that_does_not_fit),
        READY(test_input_keeps_to_the_window),
        READY(test_files),
        READY(test_a_put_waits_for_the_queue),
        READY(test_a_transfer_that_was_given_up),
        READY(test_reset),
        READY(test_hostile),
        READY(test_a_run_ends_when_the_agent_misbehaves),
        cmocka_unit_test_setup_teardown(test_nothing_counts_before_ready, set_up, set_down),
        cmocka_unit_test_setup_teardown(
            test_a_silent_agent_is_asked_before_it_is_ready, set_up, set_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
