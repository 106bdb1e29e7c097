/* The pool against a model of it: thousands of random steps, each also done by a few lines that
 * say what has to come of it. */
#include "pool_fixture.h"

#define CALLERS 24
#define STEPS   4000

/* What the pool should be like. Sandboxes do not die here, and those that come back are clean, so
 * it is known at each moment who has which and who is next. */
struct model {
    struct pool_fixture p;
    struct caller callers[CALLERS];
    bool holds[CALLERS];
    struct caller *queue[CALLERS]; /* who waits, in order */
    unsigned waiting;
    struct enc_sandbox *idle[CALLERS]; /* in the order in which they came back */
    unsigned idles, lent, served, timeouts, cancelled, exhausted;
    unsigned max_size, max_waiters;
};

static struct model *here;

static void leave(unsigned place) {
    here->waiting--;
    memmove(here->queue + place,
            here->queue + place + 1,
            (here->waiting - place) * sizeof *here->queue);
}

static unsigned place_of(const struct caller *caller) {
    unsigned place = 0;
    while (place < here->waiting && here->queue[place] != caller)
        place++;
    assert_true(place < here->waiting); /* only who waits is called back */
    return place;
}

/* The one that has been idle for longest, or a new one. */
static void is_lent(struct caller *caller) {
    struct enc_sandbox *sandbox = caller->sandbox;
    for (unsigned i = 0; i < CALLERS; i++)
        assert_false(here->holds[i] && here->callers[i].sandbox == sandbox);
    if (here->idles && here->idle[0] == sandbox) {
        here->idles--;
        memmove(here->idle, here->idle + 1, here->idles * sizeof *here->idle);
    } else {
        assert_int_equal(sandbox->uses, 1);
    }
    here->holds[caller - here->callers] = true;
    here->lent++;
    here->served++;
    assert_true(here->lent <= here->max_size);
}

static void on_model(struct enc_waiter *waiter,
                     struct enc_sandbox *sandbox,
                     const struct enclave_error *err) {
    struct caller *caller = ENC_CONTAINER_OF(waiter, struct caller, waiter);
    unsigned place = place_of(caller);
    on_acquired(waiter, sandbox, err);
    if (sandbox) {
        assert_int_equal(place, 0); /* nobody overtakes */
        is_lent(caller);
    } else {
        assert_int_equal(err->code, ENCLAVE_TIMEOUT);
        assert_true(enc_now() >= caller->waiter.timer.at);
        here->timeouts++;
    }
    leave(place);
}

static void ask(struct caller *caller) {
    static const double seconds[] = {-1, -1, 0, 0.0002, 0.002, 5};
    double patience = seconds[rand() % 6];
    bool at_once = !here->waiting && here->idles;
    bool room = here->waiting < here->max_waiters;
    int got = want(&here->p, caller, patience);
    caller->waiter.done = on_model;
    if (got == 1) {
        assert_true(!here->waiting);
        is_lent(caller);
    } else if (got == 0) {
        assert_true(!at_once && room && patience != 0);
        here->queue[here->waiting++] = caller;
    } else {
        bool late = caller->code == ENCLAVE_TIMEOUT; /* a short patience may be over already */
        assert_false(at_once);
        assert_true(late ? patience >= 0 && patience < 1 : caller->code == ENCLAVE_EXHAUSTED);
        assert_true(late || !room);
        here->timeouts += late;
        here->exhausted += !late;
    }
}

static void give_back(struct caller *caller) {
    here->holds[caller - here->callers] = false;
    here->lent--;
    here->idle[here->idles++] = caller->sandbox;
    give(caller);
}

static void step(void) {
    unsigned i = (unsigned)rand() % CALLERS;
    struct caller *caller = &here->callers[i];
    if (here->holds[i]) {
        give_back(caller);
    } else if (!caller->waiter.pool) {
        ask(caller);
    } else if (rand() % 4 == 0) {
        enc_waiter_cancel(&caller->waiter);
        leave(place_of(caller));
        here->cancelled++;
    }
    if (rand() % 3 == 0)
        enc_loop_turn(here->p.f.loop, false);
    if (rand() % 40 == 0)
        turn_a_while(here->p.f.loop);
}

static void compare(void) {
    const struct pool_fixture *p = &here->p;
    assert_int_equal(stat_of(p, "busy"), here->lent);
    assert_int_equal(stat_of(p, "waiting"), here->waiting);
    assert_true(stat_of(p, "idle") >= here->idles); /* new ones that no one had yet */
    assert_true(stat_of(p, "total") <= here->max_size);
    assert_int_equal(stat_of(p, "totals.borrowed"), here->served);
    assert_int_equal(stat_of(p, "totals.timeouts"), here->timeouts);
    assert_int_equal(stat_of(p, "totals.cancelled"), here->cancelled);
    assert_int_equal(stat_of(p, "totals.exhausted"), here->exhausted);
    check_sums(p);
}

static void run(unsigned seed, const char *options, unsigned max_size, unsigned max_waiters) {
    struct model *model = here = calloc(1, sizeof *model);
    assert_non_null(model);
    srand(seed);
    model->max_size = max_size;
    model->max_waiters = max_waiters;
    pool_open(&model->p, "{\"create_ms\":0.1}", NULL, options, NULL);
    if (seed % 2)
        pool_warm(&model->p);
    for (int i = 0; i < STEPS; i++) {
        step();
        if (i % 16 == 0)
            compare();
    }
    for (unsigned i = 0; i < CALLERS; i++) /* whoever waits is served as the others leave */
        if (model->holds[i])
            give_back(&model->callers[i]);
    while (model->waiting) {
        turn_a_while(model->p.f.loop);
        for (unsigned i = 0; i < CALLERS; i++)
            if (model->holds[i])
                give_back(&model->callers[i]);
    }
    compare();
    assert_true(model->served > STEPS / 100 && model->timeouts && model->cancelled);
    pool_close(&model->p);
    here = NULL;
    free(model);
}

static void test_one(void **state) {
    (void)state;
    run(1, "{\"size\":1,\"max_waiters\":7}", 1, 7);
}

static void test_fixed(void **state) {
    (void)state;
    for (unsigned seed = 2; seed < 5; seed++)
        run(seed, "{\"size\":3,\"max_waiters\":12}", 3, 12);
}

static void test_growing(void **state) {
    (void)state;
    for (unsigned seed = 5; seed < 8; seed++)
        run(seed, "{\"size\":1,\"max_size\":6}", 6, 100000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_growing),
    };
    return cmocka_run_group_tests_name("pool model", tests, NULL, NULL);
}
