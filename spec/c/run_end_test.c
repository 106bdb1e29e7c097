/* Every way in which a run can end: deadlines, cancelling, dropping, the end of its sandbox. */
#include "run_fixture.h"

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
    struct enclave_error err;
    struct enc_run_spec longer = {.argv = ARGV("true"), .deadline = enc_deadline_in(SECONDS(40))};
    assert_null(enc_run_start(box.sandbox, &longer, &events, &caller, &err));
    assert_int_equal(err.code, ENCLAVE_INVALID);
    assert_string_equal(err.message,
                        "timeout: 40 seconds are more than this sandbox allows; expected at most "
                        "its max_timeout, 0.06");
    longer.deadline = ENC_NEVER - 1;
    assert_null(enc_run_start(box.sandbox, &longer, &events, &caller, &err));
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
    assert_true(enc_now() - began >= SECONDS(0.9)); /* 0.1, then 0.5, then 0.3 */
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deadline_kept_by_the_channel),
        cmocka_unit_test(test_deadline_kept_by_the_engine),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_reset_waits_for_dropped_runs),
        cmocka_unit_test(test_the_sandbox_goes),
        cmocka_unit_test(test_callbacks_that_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
