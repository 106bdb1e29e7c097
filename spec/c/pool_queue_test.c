/* The queue of a pool: deadlines, order, and crowds of callers. */
#include "pool_fixture.h"

static void test_try_once_and_timeout(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a, b, c;
    pool_of_one(&p, &a);
    assert_int_equal(want(&p, &b, 0), -1);
    assert_int_equal(b.code, ENCLAVE_TIMEOUT);
    uint64_t began = enc_now();
    assert_int_equal(want(&p, &b, 0.05), 0);
    assert_int_equal(want(&p, &c, 30), 0);
    UNTIL(p.f.loop, b.calls);
    assert_true(enc_now() - began >= SECONDS(0.05));
    assert_int_equal(b.code, ENCLAVE_TIMEOUT);
    assert_non_null(strstr(b.message, "became free in time"));
    assert_int_equal(c.calls, 0);
    give(&a);
    UNTIL(p.f.loop, c.calls);
    assert_non_null(c.sandbox);
    turn_for(p.f.loop, SECONDS(0.05));
    assert_int_equal(b.calls, 1);
    assert_int_equal(stat_of(&p, "totals.timeouts"), 2);
    give(&c);
    check_sums(&p);
    pool_close(&p);
}

static void test_nobody_overtakes(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a, b, c;
    pool_of_one(&p, &a);
    assert_int_equal(want(&p, &b, -1), 0);
    give(&a); /* idle now, and b is told next turn */
    assert_int_equal(want(&p, &c, 0), -1);
    assert_int_equal(want(&p, &c, -1), 0);
    UNTIL(p.f.loop, b.calls);
    assert_int_equal(c.calls, 0);
    give(&b);
    UNTIL(p.f.loop, c.calls);
    give(&c);
    pool_close(&p);
}

/* Callers in a crowd: each keeps its sandbox for a moment, and notes when it was served. */
struct crowd {
    struct pool_fixture *p;
    struct enc_sandbox *lent[8];
    unsigned served, inside, most;
};
struct member {
    struct caller caller; /* first */
    struct crowd *crowd;
    struct enc_timer leave;
};

static void on_leave(struct enc_timer *timer) {
    struct member *member = ENC_CONTAINER_OF(timer, struct member, leave);
    struct crowd *crowd = member->crowd;
    crowd->inside--;
    for (unsigned i = 0; i < 8; i++)
        if (crowd->lent[i] == member->caller.sandbox)
            crowd->lent[i] = NULL;
    member->caller.sandbox->dirty = crowd->served % 2;
    give(&member->caller);
}

static void on_member(struct enc_waiter *waiter,
                      struct enc_sandbox *sandbox,
                      const struct enclave_error *err) {
    struct member *member = ENC_CONTAINER_OF(waiter, struct member, caller.waiter);
    struct crowd *crowd = member->crowd;
    on_acquired(waiter, sandbox, err);
    assert_non_null(sandbox);
    assert_int_equal(sandbox->state, ENC_SANDBOX_BUSY);
    for (unsigned i = 0; i < 8; i++) /* nobody else has it */
        assert_ptr_not_equal(crowd->lent[i], sandbox);
    for (unsigned i = 0; i < 8; i++)
        if (!crowd->lent[i]) {
            crowd->lent[i] = sandbox;
            break;
        }
    member->caller.turn = ++crowd->served;
    if (++crowd->inside > crowd->most)
        crowd->most = crowd->inside;
    assert_int_equal(enc_timer_start(crowd->p->f.loop,
                                     &member->leave,
                                     enc_deadline_in(crowd->served % 5 * 100000)),
                     0);
}

static void run_crowd(unsigned callers, unsigned size, bool dirty) {
    struct pool_fixture p;
    char options[64];
    snprintf(options, sizeof options, "{\"size\":%u}", size);
    pool_up(&p, "{\"reset_ms\":0.1}", NULL, options);
    struct crowd crowd = {.p = &p};
    struct member *members = calloc(callers, sizeof *members);
    struct caller *first = calloc(size, sizeof *first);
    assert_non_null(members);
    assert_non_null(first);
    for (unsigned i = 0; i < size; i++)
        assert_int_equal(want(&p, &first[i], -1), 1);
    for (unsigned i = 0; i < callers; i++) {
        struct enclave_error err;
        struct enc_sandbox *none;
        members[i].crowd = &crowd;
        members[i].caller.p = &p;
        members[i].caller.waiter.done = on_member;
        members[i].leave.fire = on_leave;
        assert_int_equal(
            enc_pool_acquire(p.pool, ENC_NEVER, &members[i].caller.waiter, &none, &err), 0);
    }
    for (unsigned i = 0; i < size; i++) {
        first[i].sandbox->dirty = dirty;
        give(&first[i]);
    }
    UNTIL(p.f.loop, crowd.served == callers && !crowd.inside);
    for (unsigned i = 0; i < callers; i++) {
        assert_int_equal(members[i].caller.calls, 1);
        assert_int_equal(members[i].caller.turn, i + 1);
    }
    assert_int_equal(crowd.most, size);
    assert_int_equal(stat_of(&p, "totals.borrowed"), callers + size);
    assert_int_equal(stat_of(&p, "totals.created"), size);
    UNTIL(p.f.loop, stat_of(&p, "idle") == size);
    check_sums(&p);
    free(members);
    free(first);
    pool_close(&p);
}

static void test_fifo_of_200(void **state) {
    (void)state;
    run_crowd(200, 4, true);
}

/* Nothing but the queue: many come, some leave, the rest is served in order. */
static unsigned order;
static void on_quick(struct enc_waiter *waiter,
                     struct enc_sandbox *sandbox,
                     const struct enclave_error *err) {
    struct caller *caller = ENC_CONTAINER_OF(waiter, struct caller, waiter);
    assert_null(err);
    caller->calls++;
    caller->turn = ++order;
    enc_pool_release(caller->p->pool, sandbox, NULL);
}

static void test_fifo_of_100000(void **state) {
    (void)state;
    const unsigned callers = 100000;
    struct pool_fixture p;
    struct caller *all = calloc(callers, sizeof *all), first[4], late;
    assert_non_null(all);
    pool_up(&p, NULL, NULL, "{\"size\":4}");
    for (unsigned i = 0; i < 4; i++)
        take(&p, &first[i]);
    for (unsigned i = 0; i < callers; i++) {
        assert_int_equal(want(&p, &all[i], i % 2 ? -1 : 3600), 0);
        all[i].waiter.done = on_quick;
    }
    assert_int_equal(want(&p, &late, -1), -1);
    assert_int_equal(late.code, ENCLAVE_EXHAUSTED);
    for (unsigned i = 0; i < callers; i += 10) {
        enc_waiter_cancel(&all[i].waiter);
        enc_waiter_cancel(&all[i].waiter);
    }
    assert_int_equal(stat_of(&p, "waiting"), callers - callers / 10);
    order = 0;
    for (unsigned i = 0; i < 4; i++)
        give(&first[i]);
    UNTIL(p.f.loop, order == callers - callers / 10);
    for (unsigned i = 0, turn = 0; i < callers; i++) {
        if (i % 10)
            turn++;
        if (all[i].turn != (i % 10 ? turn : 0))
            fail_msg("caller %u had turn %u", i, all[i].turn);
    }
    assert_int_equal(stat_of(&p, "totals.cancelled"), callers / 10);
    assert_int_equal(stat_of(&p, "totals.exhausted"), 1);
    check_sums(&p);
    free(all);
    pool_close(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_try_once_and_timeout),
        cmocka_unit_test(test_nobody_overtakes),
        cmocka_unit_test(test_fifo_of_200),
        cmocka_unit_test(test_fifo_of_100000),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
