/* The hooks of the owner of a pool, and closing a pool at any moment. */
#include "pool_fixture.h"

/* ---- hooks ------------------------------------------------------------------------------ */

static struct enc_sandbox *up, *leaving;
static char why[32];
static unsigned hook_calls;

static void on_created(void *data, struct enc_pool *pool, struct enc_sandbox *sandbox) {
    (void)data, (void)pool;
    up = sandbox;
}
static void on_retiring(void *data,
                        struct enc_pool *pool,
                        struct enc_sandbox *sandbox,
                        const char *reason) {
    (void)data, (void)pool;
    leaving = sandbox;
    hook_calls++;
    snprintf(why, sizeof why, "%s", reason);
}
static const struct enc_pool_hooks both = {on_created, on_retiring};

static void test_hooks(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a;
    struct enclave_error err;
    up = leaving = NULL;
    hook_calls = 0;
    pool_open(&p, NULL, NULL, "{\"size\":1}", &both);
    want(&p, &a, -1);
    UNTIL(p.f.loop, up);
    turn_for(p.f.loop, SECONDS(0.03));
    assert_int_equal(a.calls, 0); /* not before it was admitted */
    enc_fail(&err, ENCLAVE_INTERNAL, "hook", "on_create failed");
    enc_pool_admit(p.pool, up->id, &err);
    enc_pool_admit(p.pool, ENC_STEAL(up)->id, NULL); /* too late */
    UNTIL(p.f.loop, a.calls);
    assert_int_equal(a.code, ENCLAVE_INTERNAL);
    assert_int_equal(hook_calls, 0);
    want(&p, &a, -1);
    UNTIL(p.f.loop, up);
    enc_pool_admit(p.pool, up->id, NULL);
    UNTIL(p.f.loop, a.calls);
    enc_pool_release(p.pool, a.sandbox, "hook");
    assert_null(leaving);
    UNTIL(p.f.loop, leaving);
    assert_ptr_equal(leaving, a.sandbox);
    assert_string_equal(why, "hook");
    turn_for(p.f.loop, SECONDS(0.03));
    assert_int_equal(leaving->destroying, false); /* it may still say goodbye */
    char id[40];
    snprintf(id, sizeof id, "%s", leaving->id);
    enc_pool_discard(p.pool, id);
    UNTIL(p.f.loop, stat_of(&p, "retiring") == 0);
    enc_pool_discard(p.pool, id); /* it has gone: harmless */
    enc_pool_admit(p.pool, id, NULL);
    assert_null(enc_pool_find(p.pool, id));
    check_sums(&p);
    pool_close(&p); /* the next one waits to be admitted */
    assert_int_equal(hook_calls, 1);
}

static void test_close_tells_the_hook(void **state) {
    (void)state;
    struct pool_fixture p;
    struct enc_pool_hooks hooks = {.retiring = on_retiring};
    leaving = NULL;
    hook_calls = 0;
    pool_open(&p, NULL, NULL, "{\"size\":1}", &hooks);
    pool_warm(&p);
    enc_pool_close(p.pool, on_pool_closed, &p);
    UNTIL(p.f.loop, leaving);
    assert_string_equal(why, "closed");
    turn_for(p.f.loop, SECONDS(0.03));
    assert_false(p.closed);
    enc_pool_discard(p.pool, leaving->id);
    UNTIL(p.f.loop, p.closed);
    pool_close(&p);
}

/* ---- closing ---------------------------------------------------------------------------- */

static void test_close_with_everything(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a, b, c, w[3];
    pool_up(&p,
            "{\"reset_ms\":100000,\"destroy_ms\":1,\"create_ms\":0.5}",
            NULL,
            "{\"size\":3,\"max_size\":4}");
    take(&p, &a);
    take(&p, &b);
    take(&p, &c);
    b.sandbox->dirty = true;
    enc_pool_release(p.pool, b.sandbox, NULL); /* resetting */
    kill_sandbox(c.sandbox);                   /* lost, still held */
    for (int i = 0; i < 3; i++)
        want(&p, &w[i], i ? -1 : 30); /* one is made for them */
    enc_loop_turn(p.f.loop, false);
    enc_pool_close(p.pool, on_pool_closed, &p);
    assert_false(p.closed);
    assert_int_equal(w[0].calls, 0);
    enc_waiter_cancel(&w[2].waiter);
    enc_pool_release(p.pool, a.sandbox, NULL); /* at this moment still allowed */
    struct caller late;
    assert_int_equal(want(&p, &late, -1), -1);
    assert_int_equal(late.code, ENCLAVE_CLOSED);
    UNTIL(p.f.loop, p.closed);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(w[i].calls, 1);
        assert_int_equal(w[i].code, ENCLAVE_CANCELLED);
    }
    assert_int_equal(w[2].calls, 0);
    pool_close(&p);
}

static void test_close_while_warming(void **state) {
    (void)state;
    static const char *const drivers[] = {
        "{\"never_ready\":true}", "{\"prepare_ms\":100000}", "{\"fail_creates\":100}"};
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
        struct pool_fixture p;
        pool_open(&p, drivers[i], NULL, "{\"size\":3}", NULL);
        enc_pool_warm(p.pool, NULL, on_warm, &p);
        for (unsigned turns = 0; turns < i + 2; turns++)
            enc_loop_turn(p.f.loop, false);
        enc_pool_close(p.pool, on_pool_closed, &p);
        UNTIL(p.f.loop, p.closed);
        assert_int_equal(p.warmed, 1);
        assert_true(p.warm_failed);
        if (i < 2)
            assert_int_equal(p.warm_err.code, ENCLAVE_CANCELLED);
        pool_close(&p);

        pool_open(&p, drivers[i], NULL, "{\"size\":3}", NULL);
        enc_pool_warm(p.pool, NULL, on_warm, &p);
        enc_pool_warm_cancel(p.pool);
        turn_for(p.f.loop, SECONDS(0.03));
        pool_close(&p);
        assert_int_equal(p.warmed, 0);
    }
}

/* A caller that closes the pool from its callback. */
static void on_closing_caller(struct enc_waiter *waiter,
                              struct enc_sandbox *sandbox,
                              const struct enclave_error *err) {
    struct caller *caller = ENC_CONTAINER_OF(waiter, struct caller, waiter);
    on_acquired(waiter, sandbox, err);
    enc_pool_close(caller->p->pool, on_pool_closed, caller->p);
}

static void test_close_inside_a_callback(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a, b;
    pool_open(&p, NULL, NULL, "{\"size\":1}", NULL);
    want(&p, &a, -1);
    want(&p, &b, -1);
    a.waiter.done = on_closing_caller;
    UNTIL(p.f.loop, p.closed);
    assert_non_null(a.sandbox);
    assert_int_equal(b.code, ENCLAVE_CANCELLED);
    pool_close(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hooks),
        cmocka_unit_test(test_close_tells_the_hook),
        cmocka_unit_test(test_close_with_everything),
        cmocka_unit_test(test_close_while_warming),
        cmocka_unit_test(test_close_inside_a_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
