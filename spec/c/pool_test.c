/* The pool when all goes well: options, warming, growth, shrinking, recycling. */
#include "pool_fixture.h"

static void test_options(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"{\"size\":-1}", "size: -1 is not valid; expected a whole number, 0 or more"},
        {"{\"size\":1.5}", "size: 1.5 is not valid; expected a whole number, 0 or more"},
        {"{\"size\":\"2\"}", "size: \"2\" is not valid; expected a whole number, 0 or more"},
        {"{\"max_sise\":1}", "max_sise: unknown field; did you mean max_size?"},
        {"{\"idle_ttl\":-0.5}",
         "idle_ttl: -0.5 is not valid; expected a number of seconds, 0 or more"},
        {"{\"name\":\"\"}", "name: \"\" is not valid; expected a string of 1 to 63 bytes"},
        {"7", "pool options: 7 is not valid; expected an object of fields"},
    };
    struct enc_pool_options options;
    struct enclave_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *json = json_of(bad[i].text);
        assert_int_equal(enc_pool_options_from_json(&options, json, &err), -1);
        assert_int_equal(err.code, ENCLAVE_INVALID);
        assert_string_equal(err.message, bad[i].message);
        json_decref(json);
    }
    json_t *json = json_of("{\"name\":\"n\",\"size\":2,\"max_size\":3.0,\"max_age\":0.5}");
    assert_int_equal(enc_pool_options_from_json(&options, json, &err), 0);
    assert_string_equal(options.name, "n");
    assert_true(options.size == 2 && options.max_size == 3 && options.max_age == 0.5);
    json_decref(json);

    struct fixture f;
    fixture_open(&f, NULL, NULL);
    options = (struct enc_pool_options){.size = 3, .max_size = 2};
    assert_null(enc_pool_new(f.host, f.config, &options, NULL, NULL, &err));
    assert_string_equal(err.message, "max_size: 2 is less than size; expected at least 3");
    fixture_close(&f);
}

static void test_warm_borrow_return(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a, b;
    pool_open(&p, "{\"create_ms\":1}", NULL, "{\"name\":\"x\",\"size\":2}", NULL);
    pool_warm(&p);
    assert_false(p.warm_failed);
    assert_int_equal(p.up, 2);
    assert_int_equal(want(&p, &a, 0), 1);
    assert_int_equal(want(&p, &b, -1), 1);
    assert_ptr_not_equal(a.sandbox, b.sandbox);
    assert_int_equal(a.sandbox->state, ENC_SANDBOX_BUSY);
    assert_int_equal(a.sandbox->uses, 1);
    check_sums(&p);
    give(&a);
    give(&b);
    assert_int_equal(stat_of(&p, "idle"), 2); /* clean ones need no reset */
    check_sums(&p);
    assert_int_equal(stat_of(&p, "totals.resets"), 0);
    assert_int_equal(stat_of(&p, "create.count"), 2);
    assert_int_equal(stat_of(&p, "wait.count"), 2);
    pool_close(&p);
}

static void test_works_without_warming(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a;
    pool_open(&p, "{\"prepare_ms\":1}", NULL, "{}", NULL);
    take(&p, &a);
    give(&a);
    assert_int_equal(stat_of(&p, "idle"), 1);
    pool_close(&p);
}

static void test_growth_and_shrinking(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller callers[6];
    pool_up(&p, NULL, NULL, "{\"size\":1,\"max_size\":4,\"idle_ttl\":0.1}");
    assert_int_equal(stat_of(&p, "total"), 1);
    for (int i = 0; i < 6; i++)
        want(&p, &callers[i], -1);
    UNTIL(p.f.loop, stat_of(&p, "busy") == 4);
    turn_for(p.f.loop, SECONDS(0.05));
    assert_int_equal(stat_of(&p, "total"), 4);
    assert_int_equal(stat_of(&p, "waiting"), 2);
    check_sums(&p);
    give(&callers[0]);
    give(&callers[1]);
    UNTIL(p.f.loop, callers[4].calls && callers[5].calls);
    turn_for(p.f.loop, SECONDS(0.3)); /* all are busy: nothing to remove */
    assert_int_equal(stat_of(&p, "total"), 4);
    for (int i = 2; i < 6; i++)
        give(&callers[i]);
    assert_int_equal(stat_of(&p, "idle"), 4);
    UNTIL(p.f.loop, stat_of(&p, "total") == 1);
    turn_for(p.f.loop, SECONDS(0.3));
    assert_int_equal(stat_of(&p, "idle"), 1);
    assert_int_equal(stat_of(&p, "totals.retired.idle"), 3);
    check_sums(&p);
    pool_close(&p);
}

/* The queue of idle ones turns, so each is used now and then; the surplus goes anyway. */
static void test_shrinks_under_a_little_load(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller callers[4];
    pool_open(&p, NULL, NULL, "{\"max_size\":4,\"idle_ttl\":0.2}", NULL);
    for (int i = 0; i < 4; i++)
        want(&p, &callers[i], -1);
    UNTIL(p.f.loop, stat_of(&p, "busy") == 4);
    for (int i = 0; i < 4; i++)
        give(&callers[i]);
    enc_deadline until = enc_deadline_in(SECONDS(60));
    while (stat_of(&p, "total") > 1 && enc_now() < until) {
        take(&p, &callers[0]);
        turn_for(p.f.loop, SECONDS(0.01));
        give(&callers[0]);
    }
    assert_int_equal(stat_of(&p, "total"), 1);
    check_sums(&p);
    pool_close(&p);
}

static void use(struct caller *caller) {
    caller->sandbox->dirty = true;
}

static void test_reset_between_borrowers(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a, b;
    pool_up(&p, "{\"reset_ms\":1}", NULL, "{\"size\":1}");
    take(&p, &a);
    struct enc_sandbox *first = a.sandbox;
    use(&a);
    give(&a);
    assert_int_equal(stat_of(&p, "resetting"), 1);
    assert_int_equal(want(&p, &b, 0), -1); /* never dirty */
    check_sums(&p);
    take(&p, &b);
    assert_ptr_equal(b.sandbox, first);
    assert_false(b.sandbox->dirty);
    assert_int_equal(stat_of(&p, "totals.resets"), 1);
    assert_int_equal(stat_of(&p, "reset.count"), 1);
    give(&b);
    pool_close(&p);
}

/* Uses the pool's sandbox once; the reason why it was not used again, or NULL. */
static void check_replaced(const char *config, const char *options, const char *reason) {
    struct pool_fixture p;
    struct caller a;
    char path[64];
    pool_up(&p, NULL, config, options);
    take(&p, &a);
    char id[40];
    strcpy(id, a.sandbox->id);
    use(&a);
    turn_for(p.f.loop, SECONDS(0.03));
    give(&a);
    take(&p, &a);
    assert_true((strcmp(id, a.sandbox->id) == 0) == !reason);
    snprintf(path, sizeof path, "totals.retired.%s", reason ? reason : "none");
    assert_int_equal(stat_of(&p, path), reason ? 1 : 0);
    check_sums(&p);
    give(&a);
    pool_close(&p);
}

static void test_reasons_to_replace(void **state) {
    (void)state;
    check_replaced(NULL, "{\"size\":1}", NULL);
    check_replaced("{\"reuse\":\"fresh\"}", "{\"size\":1}", "fresh");
    check_replaced("{\"reuse\":\"keep\"}", "{\"size\":1}", NULL);
    check_replaced("{\"user\":\"root\"}", "{\"size\":1}", NULL);
    check_replaced("{\"user\":\"root\",\"read_only\":false}", "{\"size\":1}", "not_cleanable");
    check_replaced(NULL, "{\"size\":1,\"max_uses\":1}", "max_uses");
    check_replaced(NULL, "{\"size\":1,\"max_uses\":2}", NULL);
    check_replaced(NULL, "{\"size\":1,\"max_age\":0.02}", "max_age");
}

static void test_keep_is_not_cleaned(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a;
    pool_up(&p, NULL, "{\"reuse\":\"keep\"}", "{\"size\":1}");
    take(&p, &a);
    use(&a);
    give(&a);
    take(&p, &a);
    assert_true(a.sandbox->dirty);
    enc_pool_release(p.pool, a.sandbox, "hook");
    assert_int_equal(stat_of(&p, "totals.retired.hook"), 1);
    UNTIL(p.f.loop, stat_of(&p, "idle") == 1);
    check_sums(&p);
    pool_close(&p);
}

static void test_double_release(void **state) {
    (void)state;
    struct pool_fixture p;
    struct caller a, b;
    pool_of_one(&p, &a);
    enc_pool_release(p.pool, a.sandbox, NULL);
    enc_pool_release(p.pool, a.sandbox, "again");
    assert_int_equal(stat_of(&p, "idle"), 1);
    assert_int_equal(stat_of(&p, "totals.returned"), 1);
    take(&p, &b);
    assert_int_equal(want(&p, &a, 0), -1);
    give(&b);
    pool_close(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_warm_borrow_return),
        cmocka_unit_test(test_works_without_warming),
        cmocka_unit_test(test_growth_and_shrinking),
        cmocka_unit_test(test_shrinks_under_a_little_load),
        cmocka_unit_test(test_reset_between_borrowers),
        cmocka_unit_test(test_reasons_to_replace),
        cmocka_unit_test(test_keep_is_not_cleaned),
        cmocka_unit_test(test_double_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
