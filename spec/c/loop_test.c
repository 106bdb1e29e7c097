/* Timers of the loop: never early, in order, stoppable from anywhere. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "list.h"
#include "loop.h"

struct alarm {
    struct enc_timer timer;
    struct enc_loop *loop;
    int fired, *count;
    enc_deadline when;
    struct alarm *other; /* stopped when this one fires */
    int repeat;          /* restarted with 0 so many times */
    bool free_it;
};

static void on_alarm(struct enc_timer *timer) {
    struct alarm *alarm = ENC_CONTAINER_OF(timer, struct alarm, timer);
    alarm->fired++;
    alarm->when = enc_now();
    if (alarm->count)
        ++*alarm->count;
    if (alarm->other)
        enc_timer_stop(alarm->loop, &alarm->other->timer);
    if (alarm->repeat-- > 0)
        enc_timer_start(alarm->loop, timer, 0);
    if (alarm->free_it)
        free(alarm);
}

static struct enc_loop *new_loop(void) {
    struct enclave_error err = {0};
    struct enc_loop *loop = enc_loop_new(NULL, &err);
    assert_non_null(loop);
    return loop;
}

static void fires_in_order_and_never_early(void **state) {
    (void)state;
    struct enc_loop *loop = new_loop();
    struct alarm alarms[20] = {0};
    enc_deadline base = enc_deadline_in(ENC_NS_PER_S / 4); /* all are started before the first */
    for (int i = 0; i < 20; i++) {
        alarms[i].timer.fire = on_alarm;
        alarms[i].loop = loop;
        /* 7 is prime to 20: each place once, in mixed order; odd nanoseconds on purpose */
        assert_int_equal(
            enc_timer_start(loop, &alarms[i].timer, base + (uint64_t)(i * 7 % 20) * 1300007), 0);
    }
    assert_int_equal(enc_loop_operations(loop), 20);
    while (enc_loop_operations(loop))
        enc_loop_turn(loop, true);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(alarms[i].fired, 1);
        assert_true(alarms[i].when >= base + (uint64_t)(i * 7 % 20) * 1300007);
        for (int j = 0; j < 20; j++)
            if (i * 7 % 20 < j * 7 % 20)
                assert_true(alarms[i].when <= alarms[j].when);
    }
    enc_loop_free(loop);
}

static void a_turn_ends_when_a_timer_fired(void **state) {
    (void)state;
    struct enc_loop *loop = new_loop();
    struct alarm soon = {.timer.fire = on_alarm, .loop = loop}, far = soon;
    enc_timer_start(loop, &far.timer, enc_deadline_in(3600 * ENC_NS_PER_S));
    for (int i = 1; i <= 200; i++) {
        /* Each would sleep for an hour if the turn went on to poll after the timer. */
        enc_timer_start(loop, &soon.timer, i % 2 ? 0 : enc_deadline_in(100000));
        while (soon.fired < i)
            enc_loop_turn(loop, true);
    }
    enc_timer_stop(loop, &far.timer);
    assert_int_equal(enc_loop_operations(loop), 0);
    enc_loop_free(loop);
}

static void what_a_callback_starts_waits_for_the_next_turn(void **state) {
    (void)state;
    struct enc_loop *loop = new_loop();
    struct alarm again = {.timer.fire = on_alarm, .loop = loop, .repeat = 1000000};
    struct alarm other = {.timer.fire = on_alarm, .loop = loop};
    enc_timer_start(loop, &again.timer, 0);
    enc_timer_start(loop, &other.timer, enc_deadline_in(2 * ENC_NS_PER_MS));
    while (!other.fired && again.repeat > 0)
        enc_loop_turn(loop, false);
    assert_int_equal(other.fired, 1);
    assert_true(again.fired > 1);
    int before = again.fired;
    enc_loop_turn(loop, false);
    assert_true(again.fired <= before + 1);
    enc_timer_stop(loop, &again.timer);
    enc_loop_free(loop);
}

static void stops_others_from_a_callback(void **state) {
    (void)state;
    struct enc_loop *loop = new_loop();
    struct alarm second = {.timer.fire = on_alarm, .loop = loop};
    struct alarm first = {.timer.fire = on_alarm, .loop = loop, .other = &second};
    struct alarm *third = calloc(1, sizeof *third);
    int count = 0;
    *third = (struct alarm){.timer.fire = on_alarm, .loop = loop, .count = &count, .free_it = true};
    enc_timer_start(loop, &first.timer, 1);
    enc_timer_start(loop, &second.timer, 1);
    enc_timer_start(loop, &third->timer, 1);
    while (!count)
        enc_loop_turn(loop, true);
    assert_int_equal(first.fired, 1);
    assert_int_equal(second.fired, 0);
    assert_int_equal(enc_loop_operations(loop), 0);
    enc_loop_free(loop);
}

static void restart_moves_and_never_stops(void **state) {
    (void)state;
    struct enc_loop *loop = new_loop();
    struct alarm alarm = {.timer.fire = on_alarm, .loop = loop};
    enc_timer_start(loop, &alarm.timer, enc_deadline_in(ENC_NS_PER_S * 1000));
    enc_timer_start(loop, &alarm.timer, enc_deadline_in(ENC_NS_PER_MS));
    assert_int_equal(enc_loop_operations(loop), 1);
    while (!alarm.fired)
        enc_loop_turn(loop, true);
    enc_timer_start(loop, &alarm.timer, 0);
    enc_timer_start(loop, &alarm.timer, ENC_NEVER);
    enc_timer_stop(loop, &alarm.timer);
    enc_loop_turn(loop, false);
    assert_int_equal(alarm.fired, 1);
    assert_int_equal(enc_loop_operations(loop), 0);
    enc_loop_free(loop);
}

static void a_hundred_thousand(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    struct enc_loop *loop = new_loop();
    struct alarm *alarms = calloc(COUNT, sizeof *alarms);
    int count = 0;
    unsigned seed = 7;
    enc_deadline base = enc_now();
    for (int i = 0; i < COUNT; i++) {
        seed = seed * 1103515245 + 12345;
        alarms[i] = (struct alarm){.timer.fire = on_alarm, .loop = loop, .count = &count};
        assert_int_equal(enc_timer_start(loop, &alarms[i].timer, base + seed % 50000000), 0);
    }
    for (int i = 0; i < COUNT; i += 2)
        enc_timer_stop(loop, &alarms[i].timer);
    assert_int_equal(enc_loop_operations(loop), COUNT / 2);
    while (enc_loop_operations(loop))
        enc_loop_turn(loop, true);
    assert_int_equal(count, COUNT / 2);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(alarms[i].fired, i % 2);
    free(alarms);
    enc_loop_free(loop);
}

static void lives_on_a_borrowed_loop(void **state) {
    (void)state;
    uv_loop_t uv;
    assert_int_equal(uv_loop_init(&uv), 0);
    struct enc_loop *loop = enc_loop_new(&uv, NULL);
    assert_non_null(loop);
    struct alarm alarm = {.timer.fire = on_alarm, .loop = loop, .repeat = 3};
    enc_timer_start(loop, &alarm.timer, enc_deadline_in(ENC_NS_PER_MS));
    uv_run(&uv, UV_RUN_DEFAULT); /* ends by itself when nothing is pending */
    assert_int_equal(alarm.fired, 4);
    enc_loop_free(loop);
    assert_int_equal(uv_loop_close(&uv), 0);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    struct alarm *alarm = poll->data;
    (void)status;
    (void)events;
    alarm->repeat = alarm->fired; /* what had fired before */
    enc_timer_stop(alarm->loop, &alarm->timer);
    uv_poll_stop(poll);
}

/* The answer was there in time; only nobody looked. */
static void what_came_goes_before_what_is_overdue(void **state) {
    (void)state;
    int ends[2];
    uv_poll_t poll;
    struct enc_loop *loop = new_loop();
    struct alarm alarm = {.timer.fire = on_alarm, .loop = loop, .repeat = -1};
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(uv_poll_init(enc_loop_uv(loop), &poll, ends[0]), 0);
    poll.data = &alarm;
    uv_poll_start(&poll, UV_READABLE, on_readable);
    enc_timer_start(loop, &alarm.timer, enc_deadline_in(20 * ENC_NS_PER_MS));
    enc_loop_turn(loop, false);
    assert_int_equal(write(ends[1], "x", 1), 1);
    usleep(100000);
    enc_loop_catch_up(loop);
    assert_int_equal(alarm.repeat, 0);
    assert_int_equal(alarm.fired, 0);
    uv_close((uv_handle_t *)&poll, NULL);
    /* A deadline without an answer passes all the same. */
    enc_timer_start(loop, &alarm.timer, enc_deadline_in(20 * ENC_NS_PER_MS));
    usleep(100000);
    enc_loop_turn(loop, true);
    assert_int_equal(alarm.fired, 1);
    enc_loop_free(loop);
    close(ends[0]);
    close(ends[1]);
}

static void a_broken_pipe_is_no_signal(void **state) {
    (void)state;
    int ends[2];
    sigset_t now;
    struct enc_loop *loop = new_loop();
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    signal(SIGPIPE, SIG_DFL);
    enc_loop_enter(loop);
    enc_loop_enter(loop);
    assert_int_equal(write(ends[1], "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    enc_loop_leave(loop);
    assert_int_equal(write(ends[1], "x", 1), -1);
    enc_loop_leave(loop);
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    assert_false(sigismember(&now, SIGPIPE));
    sigpending(&now);
    assert_false(sigismember(&now, SIGPIPE));
    close(ends[1]);
    enc_loop_free(loop);
}

static void on_async(uv_async_t *handle) {
    uv_close((uv_handle_t *)handle, NULL);
}

/* What came while nobody turned the loop has come: the turn does not sleep after it. */
static void a_late_turn_does_not_sleep(void **state) {
    (void)state;
    struct enc_loop *loop = enc_loop_new(NULL, NULL);
    struct alarm far = {.loop = loop, .timer.fire = on_alarm};
    uv_async_t async;
    assert_int_equal(uv_async_init(enc_loop_uv(loop), &async, on_async), 0);
    assert_int_equal(enc_timer_start(loop, &far.timer, enc_deadline_in(30 * ENC_NS_PER_S)), 0);
    enc_loop_turn(loop, false);
    uv_async_send(&async);
    usleep(80000);
    enc_loop_turn(loop, true);
    assert_int_equal(far.fired, 0);
    assert_true(uv_is_closing((uv_handle_t *)&async));
    enc_timer_stop(loop, &far.timer);
    enc_loop_turn(loop, false);
    enc_loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_in_order_and_never_early),
        cmocka_unit_test(a_turn_ends_when_a_timer_fired),
        cmocka_unit_test(what_a_callback_starts_waits_for_the_next_turn),
        cmocka_unit_test(stops_others_from_a_callback),
        cmocka_unit_test(restart_moves_and_never_stops),
        cmocka_unit_test(a_hundred_thousand),
        cmocka_unit_test(lives_on_a_borrowed_loop),
        cmocka_unit_test(what_came_goes_before_what_is_overdue),
        cmocka_unit_test(a_broken_pipe_is_no_signal),
        cmocka_unit_test(a_late_turn_does_not_sleep),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
