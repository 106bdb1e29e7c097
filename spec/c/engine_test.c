/* The engine: drivers once each, pools and sandboxes of their own, and closing all of it. */
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "fixture.h"
#include "owner.h"

struct world {
    struct enc_engine *engine;
    struct enc_loop *loop;
    struct enc_host *host;
    struct enc_config *config;
    unsigned warnings;
};

static void on_line(void *data, enum enc_log_level level, const char *line) {
    (void)line;
    if (level >= ENC_LOG_WARN)
        ((struct world *)data)->warnings++;
}

static void world_open(struct world *w, const char *driver) {
    struct enclave_error err = {0};
    *w = (struct world){0};
    struct enc_engine_options options = {.log = {.write = on_line, .data = w}};
    w->engine = enc_engine_new(&options, &err);
    if (!w->engine)
        fail_msg("%s", err.message);
    w->loop = enc_engine_loop(w->engine);
    json_t *json = json_of(driver);
    w->host = enc_engine_host(w->engine, "fake", json, &err);
    json_decref(json);
    if (!w->host)
        fail_msg("%s", err.message);
    w->config = config_of(NULL, ENC_FOR_SANDBOX);
}

static void world_close(struct world *w) {
    enc_engine_free(w->engine, enc_deadline_in(SECONDS(30)));
    enc_config_unref(w->config);
}

static void count(void *data) {
    ++*(unsigned *)data;
}

/* ---- hosts ----------------------------------------------------------------------------- */

static void test_hosts(void **state) {
    (void)state;
    struct world w;
    struct enclave_error err;
    world_open(&w, "{\"create_ms\":1,\"reset_ms\":2}");
    json_t *same = json_of("{\"reset_ms\":2,\"create_ms\":1}");
    json_t *other = json_of("{\"reset_ms\":3}"), *bad = json_of("{\"nonsense\":3}");
    assert_ptr_equal(enc_engine_host(w.engine, "fake", same, &err), w.host);
    struct enc_host *second = enc_engine_host(w.engine, "fake", other, &err);
    assert_non_null(second);
    assert_ptr_not_equal(second, w.host);
    assert_ptr_equal(enc_engine_host(w.engine, "fake", NULL, &err),
                     enc_engine_host(w.engine, "fake", NULL, &err));
    assert_null(enc_engine_host(w.engine, "fake", bad, &err));
    assert_true(err.misuse);
    assert_null(enc_engine_host(w.engine, "podman", NULL, &err));
    assert_int_equal(err.code, ENCLAVE_INVALID);
    assert_non_null(strstr(err.message, "\"podman\""));
    json_decref(same);
    json_decref(other);
    json_decref(bad);
    world_close(&w);
    assert_int_equal(w.warnings, 0);
}

static void test_owner(void **state) {
    (void)state;
    char owner[40], child[40] = "";
    int ends[2];
    enc_owner_make(owner);
    assert_false(enc_owner_is_dead(owner));
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        enc_owner_make(child);
        _exit(write(ends[1], child, sizeof child) != sizeof child);
    }
    assert_int_equal(read(ends[0], child, sizeof child), sizeof child);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(ends[0]);
    close(ends[1]);
    assert_string_not_equal(owner, child);
    assert_true(enc_owner_is_dead(child));
    /* the same number, another process */
    snprintf(strrchr(owner, '-'), 4, "-1");
    assert_true(enc_owner_is_dead(owner));
    owner[0] = owner[0] == '0' ? '1' : '0'; /* of another host: not ours to judge */
    assert_false(enc_owner_is_dead(owner));
    assert_false(enc_owner_is_dead("") || enc_owner_is_dead("x-1-1") || enc_owner_is_dead(NULL));
}

/* ---- sandboxes of their own -------------------------------------------------------------- */

struct made {
    unsigned calls, progress;
    struct enc_sandbox *sandbox;
    struct enclave_error err;
};

static void on_made(void *data, struct enc_sandbox *sandbox, const struct enclave_error *err) {
    struct made *made = data;
    made->calls++;
    made->sandbox = sandbox;
    if (err)
        made->err = *err;
    assert_true((sandbox == NULL) == (err != NULL));
}

static void on_progress(
    void *data, const char *what, const char *part, long long now, long long total) {
    (void)what, (void)part, (void)now, (void)total;
    ((struct made *)data)->progress++;
}

static struct enc_creation *make(struct world *w, struct made *made) {
    struct enclave_error err;
    *made = (struct made){0};
    struct enc_creation *creation =
        enc_engine_sandbox(w->engine, w->host, w->config, on_progress, on_made, made, &err);
    assert_non_null(creation);
    assert_int_equal(made->calls, 0);
    return creation;
}

static void test_sandbox(void **state) {
    (void)state;
    struct world w;
    struct made made, dies;
    unsigned gone = 0, removed = 0, died = 0;
    world_open(&w, "{\"create_ms\":1}");
    make(&w, &made);
    make(&w, &dies);
    UNTIL(w.loop, made.calls && dies.calls);
    assert_non_null(made.sandbox);
    assert_true(made.progress > 0);
    assert_int_equal(made.sandbox->state, ENC_SANDBOX_RUNNING);
    enc_engine_sandbox_on_gone(w.engine, dies.sandbox, count, &died);
    struct enclave_error lost = {.code = ENCLAVE_LOST};
    enc_sandbox_broken(dies.sandbox, &lost);
    UNTIL(w.loop, died);
    assert_int_equal(dies.calls, 1);
    enc_engine_sandbox_on_gone(w.engine, made.sandbox, count, &gone);
    enc_engine_sandbox_remove(w.engine, made.sandbox, count, &removed);
    enc_engine_sandbox_remove(w.engine, made.sandbox, count, &removed);
    assert_int_equal(removed, 0);
    UNTIL(w.loop, removed == 2);
    assert_int_equal(gone, 1);
    world_close(&w);
}

static void test_creation_fails_or_is_cancelled(void **state) {
    (void)state;
    static const char *const drivers[] = {
        "{\"fail_creates\":1,\"fail_code\":\"docker\"}",
        "{\"fail_prepare\":true,\"fail_code\":\"docker\"}",
    };
    struct world w;
    struct made made;
    for (int i = 0; i < 2; i++) {
        world_open(&w, drivers[i]);
        make(&w, &made);
        UNTIL(w.loop, made.calls);
        assert_null(made.sandbox);
        assert_int_equal(made.err.code, ENCLAVE_DOCKER);
        world_close(&w);
        assert_int_equal(made.calls, 1);
    }
    for (int turns = 0; turns < 4; turns++) {
        world_open(&w, "{\"never_ready\":true}");
        struct enc_creation *creation = make(&w, &made);
        for (int i = 0; i < turns; i++)
            enc_loop_turn(w.loop, false);
        enc_creation_cancel(creation);
        turn_for(w.loop, SECONDS(0.03));
        assert_int_equal(enc_loop_operations(w.loop), 0);
        world_close(&w);
        assert_int_equal(made.calls, 0);
    }
}

/* ---- pools and closing ------------------------------------------------------------------ */

static struct enc_pool *pool_of(struct world *w, unsigned size) {
    struct enclave_error err;
    struct enc_pool_options options = {.size = size};
    struct enc_pool *pool =
        enc_engine_pool(w->engine, w->host, w->config, &options, NULL, NULL, &err);
    assert_non_null(pool);
    return pool;
}

static void on_warm(void *data, unsigned up, const struct enclave_error *err) {
    (void)err;
    *(unsigned *)data = up + 1;
}

static void test_pools(void **state) {
    (void)state;
    struct world w;
    unsigned warm = 0, closed = 0;
    world_open(&w, "{\"destroy_ms\":1}");
    struct enc_pool *pool = pool_of(&w, 2);
    enc_pool_warm(pool, NULL, on_warm, &warm);
    UNTIL(w.loop, warm);
    assert_int_equal(warm, 3);
    enc_engine_pool_close(w.engine, pool, count, &closed);
    enc_engine_pool_close(w.engine, pool, count, &closed);
    UNTIL(w.loop, closed == 2);
    enc_engine_pool_close(w.engine, pool, count, &closed); /* long gone: harmless */
    assert_int_equal(enc_loop_operations(w.loop), 0);
    world_close(&w);
    assert_int_equal(w.warnings, 0);
}

static void test_close_with_everything(void **state) {
    (void)state;
    struct world w;
    struct made made, half;
    unsigned warm[2] = {0}, gone = 0, closed = 0, pool_closed = 0;
    struct enclave_error err;
    world_open(&w, "{\"destroy_ms\":20,\"create_ms\":5}");
    struct enc_pool *first = pool_of(&w, 2), *second = pool_of(&w, 3);
    enc_pool_warm(first, NULL, on_warm, &warm[0]);
    enc_pool_warm(second, NULL, on_warm, &warm[1]);
    make(&w, &made);
    UNTIL(w.loop, made.calls && warm[0] && warm[1]);
    enc_engine_sandbox_on_gone(w.engine, made.sandbox, count, &gone);
    make(&w, &half);
    enc_loop_turn(w.loop, false);
    enc_engine_pool_close(w.engine, first, count, &pool_closed);
    enc_engine_close(w.engine, count, &closed);
    enc_engine_close(w.engine, count, &closed);
    assert_int_equal(closed + half.calls, 0);
    assert_null(enc_engine_host(w.engine, "fake", NULL, &err));
    assert_int_equal(err.code, ENCLAVE_CLOSED);
    assert_null(enc_engine_sandbox(w.engine, w.host, w.config, NULL, on_made, &half, &err));
    struct enc_pool_options options = {0};
    assert_null(enc_engine_pool(w.engine, w.host, w.config, &options, NULL, NULL, &err));
    UNTIL(w.loop, closed == 2);
    assert_int_equal(gone, 1);
    assert_int_equal(pool_closed, 1);
    assert_int_equal(half.calls, 1);
    assert_int_equal(half.err.code, ENCLAVE_CANCELLED);
    world_close(&w);
    assert_int_equal(w.warnings, 0);
}

/* What does not go in time is left, with a warning, and no memory is lost. */
static void test_patience_ends(void **state) {
    (void)state;
    struct world w;
    struct made made;
    unsigned warm = 0;
    world_open(&w, "{\"destroy_ms\":100000}");
    enc_pool_warm(pool_of(&w, 2), NULL, on_warm, &warm);
    make(&w, &made);
    UNTIL(w.loop, warm && made.calls);
    enc_engine_free(w.engine, enc_deadline_in(SECONDS(0.1)));
    enc_config_unref(w.config);
    assert_int_equal(w.warnings, 1);
}

/* Without any patience, while a creation still prepares its driver. */
static void test_no_patience(void **state) {
    (void)state;
    struct world w;
    struct made made;
    world_open(&w, "{\"prepare_ms\":100000}");
    make(&w, &made);
    enc_engine_free(w.engine, 0);
    enc_config_unref(w.config);
    assert_int_equal(made.calls, 1);
    assert_int_equal(made.err.code, ENCLAVE_CANCELLED);
}

static void test_two_engines_and_a_borrowed_loop(void **state) {
    (void)state;
    uv_loop_t uv;
    struct enclave_error err;
    struct world w;
    assert_int_equal(uv_loop_init(&uv), 0);
    struct enc_engine_options options = {.loop = &uv, .log = {.write = quiet}};
    struct enc_engine *other = enc_engine_new(&options, &err);
    assert_non_null(other);
    world_open(&w, NULL);
    struct made made;
    make(&w, &made);
    UNTIL(w.loop, made.calls);
    world_close(&w);
    enc_engine_free(other, 0);
    assert_int_equal(uv_loop_close(&uv), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_owner),
        cmocka_unit_test(test_sandbox),
        cmocka_unit_test(test_creation_fails_or_is_cancelled),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_close_with_everything),
        cmocka_unit_test(test_patience_ends),
        cmocka_unit_test(test_no_patience),
        cmocka_unit_test(test_two_engines_and_a_borrowed_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
