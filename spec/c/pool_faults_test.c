/* The pool when things go wrong: deaths, failing creations, cancelled callers, closing. */
#include "driver_fake/fake.h"
#include "pool_fixture.h"

/* ---- callers that leave ---------------------------------------------------------------- */

static void test_cancelled_never_receives(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a, b, c, d;
    pool_of_one(&p, &a);
    want(&p, &b, -1);
    want(&p, &c, 0.05);
    want(&p, &d, -1);
    give(&a); /* on its way to b, which leaves now */
    enc_waiter_cancel(&b.waiter);
    enc_waiter_cancel(&b.waiter);
    UNTIL(p.f.loop, c.calls);
    assert_non_null(c.sandbox);
    turn_for(p.f.loop, SECONDS(0.08)); /* its deadline is of no concern any more */
    assert_int_equal(b.calls, 0);
    assert_int_equal(c.calls, 1);
    give(&c);
    UNTIL(p.f.loop, d.calls);
    give(&d);
    assert_int_equal(stat_of(&p, "totals.cancelled"), 1);
    check_sums(&p);
    pool_close(&p);
}

/* One that leaves when another is served. */
static struct enc_waiter *victim;
static void on_served(struct enc_waiter *waiter,
                      struct enc_sandbox *sandbox,
                      const struct enclave_error *err) {
    on_acquired(waiter, sandbox, err);
    if (victim)
        enc_waiter_cancel(ENC_STEAL(victim));
}

static void test_cancelled_by_another_callback(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller first[2], a, b, c;
    pool_up(&p, NULL, NULL, "{\"size\":2}");
    take(&p, &first[0]);
    take(&p, &first[1]);
    want(&p, &a, -1);
    want(&p, &b, -1);
    want(&p, &c, -1);
    a.waiter.done = on_served;
    victim = &b.waiter;
    give(&first[0]);
    give(&first[1]);
    UNTIL(p.f.loop, c.calls);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 0);
    give(&a);
    give(&c);
    check_sums(&p);
    pool_close(&p);
}

static void test_random_crowd(void **state) {
    (void)state;
    enum { CALLERS = 40 };
    struct pool_fixture p;
    struct caller *callers = calloc(CALLERS, sizeof *callers);
    unsigned served = 0;
    assert_non_null(callers);
    srand(42);
    pool_up(&p,
            "{\"reset_ms\":0.05,\"create_ms\":0.3,\"fail_resets\":20,\"destroy_ms\":0.2}",
            NULL,
            "{\"size\":3,\"max_size\":6,\"max_uses\":7,\"parallel\":3,\"idle_ttl\":0.05}");
    for (int step = 0; step < 20000; step++) {
        struct caller *caller = &callers[rand() % CALLERS];
        if (caller->sandbox) {
            int what = rand() % 12;
            served++;
            if (what == 0)
                kill_sandbox(caller->sandbox);
            caller->sandbox->dirty = what % 2;
            enc_pool_release(p.pool, ENC_STEAL(caller->sandbox), what == 1 ? "hook" : NULL);
            caller->calls = 0;
        } else if (caller->waiter.pool) {
            if (rand() % 3 == 0) {
                enc_waiter_cancel(&caller->waiter);
                caller->calls = 0;
            }
        } else {
            static const double seconds[] = {0, 0.0005, 0.002, -1};
            assert_true(caller->calls <= 1);
            if (want(&p, caller, seconds[rand() % 4]) == 1)
                caller->calls = 1;
        }
        struct enc_sandbox *idle = rand() % 200 ? NULL : find_state(&p, ENC_SANDBOX_IDLE);
        if (idle)
            kill_sandbox(idle);
        if (rand() % 3 == 0)
            enc_loop_turn(p.f.loop, false);
        if (step % 20 == 0)
            turn_a_while(p.f.loop);
        if (step % 50 == 0)
            check_sums(&p);
    }
    for (int i = 0; i < CALLERS; i++)
        for (int j = 0; j < i && callers[i].sandbox; j++)
            assert_ptr_not_equal(callers[i].sandbox, callers[j].sandbox);
    assert_true(served > 1000);
    for (int i = 0; i < CALLERS; i++) {
        enc_waiter_cancel(&callers[i].waiter);
        if (callers[i].sandbox)
            give(&callers[i]);
    }
    UNTIL(p.f.loop, stat_of(&p, "idle") == 3 && stat_of(&p, "total") == 3);
    check_sums(&p);
    assert_int_equal(stat_of(&p, "busy"), 0);
    assert_int_equal(stat_of(&p, "waiting"), 0);
    free(callers);
    pool_close(&p);
}

/* ---- deaths ---------------------------------------------------------------------------- */

static void test_dies_idle(void **state) {
    (void)state;
    struct pool_fixture p;
    pool_up(&p, NULL, NULL, "{\"size\":2}");
    kill_sandbox(find_state(&p, ENC_SANDBOX_IDLE));
    assert_int_equal(stat_of(&p, "idle"), 1); /* at once */
    assert_int_equal(stat_of(&p, "totals.retired.lost"), 1);
    UNTIL(p.f.loop, stat_of(&p, "idle") == 2);
    check_sums(&p);
    pool_close(&p);
}

static void test_dies_busy(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a, b;
    pool_of_one(&p, &a);
    want(&p, &b, -1);
    kill_sandbox(a.sandbox);
    UNTIL(p.f.loop, b.calls); /* the replacement need not wait for the borrower */
    assert_ptr_not_equal(a.sandbox, b.sandbox);
    assert_int_equal(a.sandbox->state, ENC_SANDBOX_ERROR); /* still good to look at */
    give(&a);
    check_sums(&p);
    assert_int_equal(stat_of(&p, "totals.retired.lost"), 1);
    give(&b);
    assert_int_equal(stat_of(&p, "idle"), 1);
    check_sums(&p);
    pool_close(&p);
}

static void test_dies_resetting(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a, b;
    pool_up(&p, "{\"reset_ms\":100000}", NULL, "{\"size\":1}");
    take(&p, &a);
    struct enc_sandbox *sandbox = a.sandbox;
    sandbox->dirty = true;
    give(&a);
    assert_int_equal(stat_of(&p, "resetting"), 1);
    want(&p, &b, -1);
    kill_sandbox(sandbox);
    assert_int_equal(stat_of(&p, "totals.retired.lost"), 1);
    UNTIL(p.f.loop, b.calls);
    assert_non_null(b.sandbox);
    check_sums(&p);
    give(&b);
    pool_close(&p);
}

static void test_dies_creating(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a;
    pool_open(&p, "{\"never_ready\":true}", NULL, "{\"size\":1}", NULL);
    want(&p, &a, -1);
    UNTIL(p.f.loop, find_state(&p, ENC_SANDBOX_INITIALIZING));
    kill_sandbox(find_state(&p, ENC_SANDBOX_INITIALIZING));
    UNTIL(p.f.loop, a.calls); /* never up, nothing coming: it is told */
    assert_int_equal(a.code, ENCLAVE_LOST);
    assert_int_equal(stat_of(&p, "totals.create_failed"), 1);
    UNTIL(p.f.loop, find_state(&p, ENC_SANDBOX_INITIALIZING)); /* tries again by itself */
    check_sums(&p);
    pool_close(&p);
}

static void test_reset_fails(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a, b;
    pool_up(&p, "{\"fail_resets\":1}", NULL, "{\"size\":1}");
    take(&p, &a);
    char id[40];
    strcpy(id, a.sandbox->id);
    a.sandbox->dirty = true;
    give(&a);
    take(&p, &b);
    assert_string_not_equal(b.sandbox->id, id);
    assert_int_equal(stat_of(&p, "totals.retired.reset_failed"), 1);
    assert_int_equal(stat_of(&p, "totals.reset_failed"), 1);
    check_sums(&p);
    give(&b);
    pool_close(&p);
}

/* ---- creations that fail ---------------------------------------------------------------- */

static void test_warm_partly_failed(void **state) {
    (void)state;
    struct pool_fixture p;
    pool_up(&p,
            "{\"fail_creates\":2,\"fail_message\":\"no luck\"}",
            NULL,
            "{\"size\":4,\"parallel\":2}");
    assert_int_equal(p.up, 2);
    assert_true(p.warm_failed);
    assert_int_equal(p.warm_err.code, ENCLAVE_UNAVAILABLE);
    assert_string_equal(p.warm_err.message,
                        "2 of 4 sandboxes came up; the others did not: no luck");
    UNTIL(p.f.loop, stat_of(&p, "idle") == 4); /* and heals */
    assert_int_equal(p.warmed, 1);
    assert_int_equal(stat_of(&p, "totals.create_failed"), 2);
    check_sums(&p);
    pool_close(&p);
}

static void test_warm_without_docker(void **state) {
    (void)state;
    struct pool_fixture p;
    pool_open(
        &p, "{\"fail_prepare\":true,\"fail_message\":\"no Docker\"}", NULL, "{\"size\":3}", NULL);
    pool_warm(&p);
    assert_int_equal(p.up, 0);
    assert_int_equal(p.warm_err.code, ENCLAVE_UNAVAILABLE);
    assert_string_equal(p.warm_err.message, "0 of 3 sandboxes came up: no Docker");
    pool_close(&p);
}

static void test_permanent_failure(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a, b;
    pool_open(&p,
              "{\"fail_creates\":3,\"fail_code\":\"not_found\",\"fail_message\":\"no image\"}",
              NULL,
              "{\"size\":2,\"parallel\":1}",
              NULL);
    want(&p, &a, -1);
    pool_warm(&p);
    assert_int_equal(p.up, 0);
    assert_int_equal(p.warm_err.code, ENCLAVE_NOT_FOUND);
    UNTIL(p.f.loop, a.calls);
    assert_int_equal(a.code, ENCLAVE_NOT_FOUND);
    assert_non_null(strstr(a.message, "no image"));
    turn_for(p.f.loop, SECONDS(0.3));
    json_int_t tried = stat_of(&p, "totals.create_failed");
    assert_int_equal(tried, 1); /* it is no use */
    assert_int_equal(stat_of(&p, "total"), 0);
    for (int i = 0; i < 2; i++) { /* asked, it tries once more */
        assert_int_equal(want(&p, &b, -1), 0);
        UNTIL(p.f.loop, b.calls);
        assert_int_equal(b.code, ENCLAVE_NOT_FOUND);
    }
    take(&p, &b); /* now the image is there */
    UNTIL(p.f.loop, stat_of(&p, "idle") == 1);
    give(&b);
    check_sums(&p);
    pool_close(&p);
}

static void test_waiters_outlast_an_outage(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a, b, c;
    pool_of_one(&p, &a);
    struct enc_fake_host *host = ENC_CONTAINER_OF(p.f.host, struct enc_fake_host, base);
    host->options.fail_creates = 1000;
    want(&p, &b, 60);
    want(&p, &c, 0.15);
    enc_pool_release(p.pool, ENC_STEAL(a.sandbox), "test");
    UNTIL(p.f.loop, c.calls);
    assert_int_equal(c.code, ENCLAVE_TIMEOUT);
    assert_int_equal(b.calls, 0);
    assert_true(stat_of(&p, "totals.create_failed") >= 1);
    host->options.fail_creates = 0;
    UNTIL(p.f.loop, b.calls);
    assert_non_null(b.sandbox);
    give(&b);
    pool_close(&p);
}

/* The times of the attempts of a pool that cannot make anything. */
static void test_back_off(void **state) {
    (void)state;
    struct pool_fixture p;
    pool_up(&p, "{\"fail_creates\":1000000}", NULL, "{\"size\":4,\"parallel\":4}");
    assert_int_equal(stat_of(&p, "totals.create_failed"), 4);
    /* Then 0.05-0.1, 0.1-0.2, 0.2-0.4, 0.4-0.8 s: within a second at most five more rounds. */
    turn_for(p.f.loop, SECONDS(1));
    json_int_t failed = stat_of(&p, "totals.create_failed");
    assert_true(failed >= 8 && failed <= 24);
    pool_close(&p);
}

/* One that comes up and dies at once, again and again, must not be made without end. */
static void on_created_die(void *data, struct enc_pool *pool, struct enc_sandbox *sandbox) {
    (void)data;
    enc_pool_admit(pool, sandbox->id, NULL);
    kill_sandbox(sandbox);
}

static void test_crash_loop(void **state) {
    (void)state;
    struct pool_fixture p;
    struct enc_pool_hooks hooks = {.created = on_created_die};
    pool_open(&p, NULL, NULL, "{\"size\":1}", &hooks);
    pool_warm(&p);
    turn_for(p.f.loop, SECONDS(1));
    json_int_t created = stat_of(&p, "totals.created");
    assert_true(created >= 2 && created <= 6);
    check_sums(&p);
    pool_close(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancelled_never_receives),
        cmocka_unit_test(test_cancelled_by_another_callback),
        cmocka_unit_test(test_random_crowd),
        cmocka_unit_test(test_dies_idle),
        cmocka_unit_test(test_dies_busy),
        cmocka_unit_test(test_dies_resetting),
        cmocka_unit_test(test_dies_creating),
        cmocka_unit_test(test_reset_fails),
        cmocka_unit_test(test_warm_partly_failed),
        cmocka_unit_test(test_warm_without_docker),
        cmocka_unit_test(test_permanent_failure),
        cmocka_unit_test(test_waiters_outlast_an_outage),
        cmocka_unit_test(test_back_off),
        cmocka_unit_test(test_crash_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
