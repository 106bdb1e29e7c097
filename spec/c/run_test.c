/* Runs: what they print and its cap, input, code. */
#include "run_fixture.h"

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
    start_spec(&box,
               &caller,
               &(struct enc_run_spec){.argv = ARGV("spam", "70000000"),
                                      .deadline = ENC_NEVER,
                                      .max_output = 1ull << 40});
    UNTIL(box.f.loop, caller.done);
    assert_int_equal(caller.result.out.bytes.len, ENC_RUN_OUTPUT_MOST);
    assert_int_equal(caller.result.out.total, 70000000);
    assert_true(caller.result.out.truncated);
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
        cmocka_unit_test(test_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
