/* Runs: output and its cap, input, deadlines, and every way in which one can end. */
#include "fixture.h"

struct caller {
    unsigned done, outputs;
    bool failed;
    struct enclave_error err;
    struct enc_run_result result;
    struct enc_run *run;
    /* what on_output does */
    bool drop, cancel, destroy;
    struct enc_run *drop_when_done;
};

static void on_output(void *data, enum enc_stream_id stream, const char *bytes, size_t len) {
    struct caller *caller = data;
    (void)stream, (void)bytes, (void)len;
    caller->outputs++;
    if (caller->drop)
        enc_run_drop(caller->run);
    if (caller->cancel)
        enc_run_cancel(caller->run);
    if (caller->destroy)
        enc_sandbox_destroy(caller->run->sandbox, NULL);
}

static void on_done(void *data, struct enc_run_result *result, const struct enclave_error *err) {
    struct caller *caller = data;
    caller->done++;
    caller->failed = err != NULL;
    if (err)
        caller->err = *err;
    caller->result = *result;
    caller->result.out.bytes = enc_buf_steal(&result->out.bytes);
    caller->result.err.bytes = enc_buf_steal(&result->err.bytes);
    if (caller->drop_when_done)
        enc_run_drop(caller->drop_when_done);
    enc_run_drop(caller->run); /* these must be harmless here */
    enc_run_cancel(caller->run);
    caller->run = NULL;
}

static const struct enc_run_events events = {on_output, on_done};

static void forget(struct caller *caller) {
    enc_buf_free(&caller->result.out.bytes);
    enc_buf_free(&caller->result.err.bytes);
    *caller = (struct caller){0};
}

/* ---- the sandbox around them ------------------------------------------------------ */

struct box {
    struct fixture f;
    struct enc_sandbox *sandbox;
    bool ready, broken, gone;
};

static void on_ready(void *data, struct enc_sandbox *sandbox) {
    (void)sandbox;
    ((struct box *)data)->ready = true;
}
static void on_broken(void *data, struct enc_sandbox *sandbox, const struct enclave_error *err) {
    (void)sandbox, (void)err;
    ((struct box *)data)->broken = true;
}
static void on_gone(void *data, struct enc_sandbox *sandbox) {
    (void)sandbox;
    ((struct box *)data)->gone = true;
}
static const struct enc_sandbox_events box_events = {on_ready, on_broken, on_gone};

static void box_open(struct box *box, const char *config) {
    struct enclave_error err;
    *box = (struct box){0};
    fixture_open(&box->f, NULL, config);
    box->sandbox = enc_sandbox_new(box->f.host, box->f.config, NULL, &box_events, box, &err);
    assert_non_null(box->sandbox);
    UNTIL(box->f.loop, box->ready);
    assert_int_equal(box->sandbox->state, ENC_SANDBOX_RUNNING);
}

static void box_close(struct box *box) {
    enc_sandbox_destroy(box->sandbox, NULL);
    UNTIL(box->f.loop, box->gone);
    fixture_close(&box->f);
}

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

static void start_spec(struct box *box, struct caller *caller, const struct enc_run_spec *spec) {
    struct enclave_error err;
    caller->run = enc_run_start(box->sandbox, spec, &events, caller, &err);
    if (!caller->run)
        fail_msg("%s", err.message);
    assert_int_equal(caller->done + caller->outputs, 0);
}

static void start(struct box *box, struct caller *caller, const char *const *argv) {
    start_spec(box, caller, &(struct enc_run_spec){.argv = argv, .deadline = ENC_NEVER});
}

/* ---- tests ------------------------------------------------------------------------ */

static void test_output_and_exit(void **state) {
    (void)state;
    struct box box;
    struct caller caller = {0};
    box_open(&box, NULL);
    start(&box, &caller, ARGV("echo", "hello", "world"));
    assert_int_equal(box.sandbox->state, ENC_SANDBOX_BUSY);
    assert_true(box.sandbox->dirty);
    UNTIL(box.f.loop, caller.done);
    assert_int_equal(box.sandbox->state, ENC_SANDBOX_RUNNING);
    assert_false(caller.failed);
    assert_int_equal(caller.result.status, ENC_RUN_EXITED);
    assert_int_equal(caller.result.exit_code, 0);
    assert_string_equal(caller.result.out.bytes.data, "hello world\n");
    assert_int_equal(caller.result.out.total, 12);
    assert_false(caller.result.out.truncated);
    assert_true(caller.result.wall_ns > 0);
    forget(&caller);
    start(&box, &caller, ARGV("err", "oops"));
    UNTIL(box.f.loop, caller.done);
    assert_string_equal(caller.result.err.bytes.data, "oops\n");
    forget(&caller);
    start(&box, &caller, ARGV("exit", "7"));
    UNTIL(box.f.loop, caller.done);
    assert_int_equal(caller.result.exit_code, 7);
    forget(&caller);
    box_close(&box);
}

static void test_cap(void **state) {
    (void)state;
    struct box box;
    struct caller caller = {0};
    box_open(&box, "{\"max_output_size\":\"1k\"}");
    for (size_t cap = 1; cap < 40; cap++) {
        /* "spam and eggs. " again and again */
        start_spec(&box,
                   &caller,
                   &(struct enc_run_spec){
                       .argv = ARGV("spam", "1000"), .deadline = ENC_NEVER, .max_output = cap});
        UNTIL(box.f.loop, caller.done);
        struct enc_run_output *out = &caller.result.out;
        assert_int_equal(out->bytes.len, cap);
        assert_int_equal(out->total, 1000);
        assert_true(out->truncated);
        assert_int_equal(out->cut, cap - cap / 2);
        for (size_t i = 0; i < cap; i++) {
            size_t place = i < out->cut ? i : 1000 - cap + i;
            assert_int_equal(out->bytes.data[i], "spam and eggs. "[place % 15]);
        }
        forget(&caller);
    }
    start(&box, &caller, ARGV("spam", "1024"));
    UNTIL(box.f.loop, caller.done);
    assert_false(caller.result.out.truncated);
    assert_int_equal(caller.result.out.bytes.len, 1024);
    forget(&caller);
    start(&box, &caller, ARGV("spam", "3000000"));
    UNTIL(box.f.loop, caller.done);
    assert_int_equal(caller.result.out.bytes.len, 1024);
    assert_true(caller.result.out.bytes.cap <= 4096);
    forget(&caller);
    box_close(&box);
}

static void test_input(void **state) {
    (void)state;
    struct box box;
    struct caller caller = {0};
    struct enclave_error err;
    box_open(&box, NULL);
    struct enc_run_spec spec = {
        .argv = ARGV("cat"), .deadline = ENC_NEVER, .stdin_data = "a\0b", .stdin_len = 3};
    start_spec(&box, &caller, &spec);
    assert_int_equal(enc_run_input(caller.run, "x", 1, &err), -1);
    UNTIL(box.f.loop, caller.done);
    assert_int_equal(caller.result.out.bytes.len, 3);
    assert_memory_equal(caller.result.out.bytes.data, "a\0b", 3);
    forget(&caller);
    spec.stdin_open = true;
    start_spec(&box, &caller, &spec);
    UNTIL(box.f.loop, caller.outputs == 1);
    enc_run_pause(caller.run, true);
    assert_int_equal(enc_run_input(caller.run, "more", 4, &err), 0);
    turn_for(box.f.loop, SECONDS(0.05));
    assert_int_equal(caller.outputs, 1);
    enc_run_pause(caller.run, false);
    UNTIL(box.f.loop, caller.outputs == 2);
    enc_run_input_end(caller.run);
    assert_int_equal(enc_run_input(caller.run, "x", 1, &err), -1);
    UNTIL(box.f.loop, caller.done);
    assert_memory_equal(caller.result.out.bytes.data, "a\0bmore", 7);
    forget(&caller);
    box_close(&box);
}

static void test_deadline_kept_by_the_channel(void **state) {
    (void)state;
    struct box box;
    struct caller caller = {0};
    box_open(&box, NULL);
    start_spec(&box,
               &caller,
               &(struct enc_run_spec){.argv = ARGV("sleep", "50"),
                                      .deadline = enc_deadline_in(SECONDS(0.05))});
    UNTIL(box.f.loop, caller.done);
    assert_int_equal(caller.result.status, ENC_RUN_TIMEOUT);
    assert_string_equal(caller.result.limit, "time");
    assert_false(box.broken);
    forget(&caller);
    box_close(&box);
    /* the config's default, and its longest */
    box_open(&box, "{\"timeout\":0.03,\"max_timeout\":0.06}");
    start(&box, &caller, ARGV("sleep", "50"));
    UNTIL(box.f.loop, caller.done);
    assert_int_equal(caller.result.status, ENC_RUN_TIMEOUT);
    forget(&caller);
    start_spec(&box,
               &caller,
               &(struct enc_run_spec){.argv = ARGV("sleep", "50"),
                                      .deadline = enc_deadline_in(SECONDS(40))});
    UNTIL(box.f.loop, caller.done);
    assert_int_equal(caller.result.status, ENC_RUN_TIMEOUT);
    assert_true(caller.result.wall_ns < SECONDS(30));
    forget(&caller);
    box_close(&box);
}

static void test_deadline_kept_by_the_engine(void **state) {
    (void)state;
    struct box box;
    struct caller caller = {0}, other = {0};
    box_open(&box, NULL);
    start(&box, &other, ARGV("sleep", "25"));
    uint64_t began = enc_now();
    start_spec(
        &box,
        &caller,
        &(struct enc_run_spec){.argv = ARGV("hang"), .deadline = enc_deadline_in(SECONDS(0.1))});
    UNTIL(box.f.loop, caller.done);
    assert_true(enc_now() - began >= SECONDS(1.1)); /* 0.1, then a half, then a half */
    assert_false(caller.failed);
    assert_int_equal(caller.result.status, ENC_RUN_TIMEOUT);
    assert_int_equal(caller.result.exit_code, -1);
    assert_string_equal(caller.result.out.bytes.data, "hanging\n");
    assert_true(box.broken);
    assert_true(other.failed);
    assert_int_equal(other.err.code, ENCLAVE_LOST);
    assert_non_null(strstr(other.err.message, "did not end in time"));
    struct enclave_error err;
    struct enc_run_spec spec = {.argv = ARGV("true"), .deadline = ENC_NEVER};
    assert_null(enc_run_start(box.sandbox, &spec, &events, &caller, &err));
    assert_int_equal(err.code, ENCLAVE_LOST);
    forget(&caller);
    forget(&other);
    box_close(&box);
}

static void test_cancel(void **state) {
    (void)state;
    struct box box;
    struct caller caller = {0};
    box_open(&box, NULL);
    start(&box, &caller, ARGV("sleep", "50"));
    enc_run_cancel(caller.run);
    enc_run_cancel(caller.run);
    assert_int_equal(caller.done, 0);
    UNTIL(box.f.loop, caller.done);
    assert_int_equal(caller.result.status, ENC_RUN_CANCELLED);
    assert_false(box.broken);
    forget(&caller);
    start(&box, &caller, ARGV("hang"));
    enc_run_cancel(caller.run);
    UNTIL(box.f.loop, caller.done);
    assert_int_equal(caller.result.status, ENC_RUN_CANCELLED);
    assert_true(box.broken);
    forget(&caller);
    box_close(&box);
}

static void test_drop(void **state) {
    (void)state;
    struct box box;
    struct caller caller = {0};
    box_open(&box, NULL);
    start(&box, &caller, ARGV("sleep", "50"));
    enc_run_drop(caller.run);
    UNTIL(box.f.loop, enc_list_empty(&box.sandbox->runs));
    assert_false(box.broken);
    start(&box, &caller, ARGV("hang"));
    enc_run_drop(caller.run);
    UNTIL(box.f.loop, box.broken);
    box_close(&box);
    assert_int_equal(caller.done + caller.outputs, 0);
}

static void count_reset(void *data,
                        const struct enc_reset_report *report,
                        const struct enclave_error *err) {
    (void)report;
    assert_null(err);
    ++*(unsigned *)data;
}

static void test_reset_waits_for_dropped_runs(void **state) {
    (void)state;
    struct box box;
    struct caller caller = {0}, other = {0};
    unsigned resets = 0;
    struct enclave_error err;
    box_open(&box, NULL);
    start(&box, &caller, ARGV("sleep", "50"));
    start(&box, &other, ARGV("sleep", "50"));
    enc_run_drop(caller.run);
    assert_int_equal(enc_sandbox_reset(box.sandbox, count_reset, &resets, &err), -1);
    enc_run_drop(other.run);
    assert_int_equal(enc_sandbox_reset(box.sandbox, count_reset, &resets, &err), 0);
    UNTIL(box.f.loop, resets == 1);
    assert_true(enc_list_empty(&box.sandbox->runs));
    assert_false(box.sandbox->dirty);
    box_close(&box);
}

static void test_the_sandbox_goes(void **state) {
    (void)state;
    struct box box;
    struct caller caller = {0}, other = {0};
    box_open(&box, NULL);
    start(&box, &caller, ARGV("die"));
    start(&box, &other, ARGV("sleep", "50"));
    UNTIL(box.f.loop, other.done);
    assert_true(caller.failed && other.failed);
    assert_int_equal(caller.err.code, ENCLAVE_LOST);
    assert_string_equal(caller.result.out.bytes.data, "dying\n");
    assert_int_equal(caller.result.exit_code, -1);
    forget(&caller);
    forget(&other);
    box_close(&box);

    struct enclave_error err = {.code = ENCLAVE_CANCELLED};
    box_open(&box, NULL);
    start(&box, &caller, ARGV("sleep", "50"));
    start(&box, &other, ARGV("hang"));
    caller.drop_when_done = other.run;
    enc_sandbox_destroy(box.sandbox, &err);
    assert_int_equal(caller.done, 0);
    UNTIL(box.f.loop, caller.done);
    assert_int_equal(caller.err.code, ENCLAVE_CANCELLED);
    box_close(&box);
    assert_int_equal(other.done, 0);
    forget(&caller);
}

static void test_callbacks_that_end_it(void **state) {
    (void)state;
    struct box box;
    struct caller caller = {.drop = true};
    box_open(&box, NULL);
    start(&box, &caller, ARGV("spam", "100"));
    UNTIL(box.f.loop, enc_list_empty(&box.sandbox->runs));
    assert_int_equal(caller.outputs, 1);
    assert_int_equal(caller.done, 0);
    caller = (struct caller){.cancel = true};
    start(&box, &caller, ARGV("spam", "100"));
    UNTIL(box.f.loop, caller.done);
    assert_int_equal(caller.result.status, ENC_RUN_CANCELLED);
    forget(&caller);
    caller = (struct caller){.destroy = true};
    start(&box, &caller, ARGV("hang"));
    UNTIL(box.f.loop, caller.done);
    assert_int_equal(caller.err.code, ENCLAVE_CLOSED);
    assert_string_equal(caller.result.out.bytes.data, "hanging\n");
    forget(&caller);
    box_close(&box);
}

static void test_code(void **state) {
    (void)state;
    struct box box;
    struct caller caller = {0};
    static const char code[] = "print(\"hi\")\nother\n";
    box_open(&box, NULL);
    start_spec(&box,
               &caller,
               &(struct enc_run_spec){.argv = ARGV("python3", "main.py"),
                                      .deadline = ENC_NEVER,
                                      .warm = "python3",
                                      .code = code,
                                      .code_len = sizeof code - 1,
                                      .code_path = "main.py"});
    UNTIL(box.f.loop, caller.done);
    assert_string_equal(caller.result.out.bytes.data, "hi\nother\n");
    forget(&caller);
    start(&box, &caller, ARGV("cat", "main.py"));
    UNTIL(box.f.loop, caller.done);
    assert_string_equal(caller.result.out.bytes.data, code);
    forget(&caller);
    struct enclave_error err;
    struct enc_run_spec empty = {.argv = (const char *const[]){NULL}};
    assert_null(enc_run_start(box.sandbox, &empty, &events, &caller, &err));
    assert_int_equal(err.code, ENCLAVE_INVALID);
    box_close(&box);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_and_exit),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_input),
        cmocka_unit_test(test_deadline_kept_by_the_channel),
        cmocka_unit_test(test_deadline_kept_by_the_engine),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_reset_waits_for_dropped_runs),
        cmocka_unit_test(test_the_sandbox_goes),
        cmocka_unit_test(test_callbacks_that_end_it),
        cmocka_unit_test(test_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
