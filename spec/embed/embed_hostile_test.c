/* The public C API in the hands of a program that does what it should not: no pointer where one
 * is wanted, calls in callbacks that close what called them, forks, loops closed too early, texts
 * that are huge or no text at all. Each is an error or does nothing; none is a crash or a hang. */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>

static const char *text_of(char *json, const struct enclave_error *err) {
    static char kept[sizeof err->message];
    snprintf(kept, sizeof kept, "%s", json ? "no error" : err->message);
    enclave_free(json);
    return kept;
}

static void nothing_where_something_is_wanted(void **state) {
    (void)state;
    struct enclave_error err = {.code = ENCLAVE_OK};
    enclave_options_init(NULL, sizeof(struct enclave_options));
    enclave_free(NULL);
    enclave_close(NULL);
    assert_false(enclave_cancel(NULL, 1));
    assert_string_equal(text_of(enclave_stats(NULL, &err), &err),
                        "engine: expected an open one, got NULL");
    assert_int_equal(err.code, ENCLAVE_INVALID);
    assert_null(enclave_stats(NULL, NULL));
    assert_null(enclave_call(NULL, NULL, NULL, NULL));
    assert_null(enclave_execute(NULL, NULL, NULL, NULL, NULL));
    assert_null(enclave_initialize_pool(NULL, NULL, NULL));
    assert_int_equal(enclave_submit(NULL, "get_stats", NULL, NULL, NULL, NULL), 0);
    assert_int_equal(enclave_execute_start(NULL, "x", NULL, NULL, NULL, NULL, NULL), 0);

    struct enclave *engine = enclave_open(NULL, NULL);
    assert_non_null(engine);
    assert_non_null(strstr(text_of(enclave_call(engine, NULL, NULL, &err), &err), "got NULL"));
    assert_int_equal(enclave_submit(engine, NULL, "[]", NULL, NULL, &err), 0);
    assert_int_equal(err.code, ENCLAVE_INVALID);
    assert_non_null(
        strstr(text_of(enclave_execute(engine, NULL, "{}", "{}", &err), &err), "tool: expected"));
    assert_int_equal(enclave_execute_start(engine, NULL, NULL, NULL, NULL, NULL, NULL), 0);
    assert_null(enclave_execute(engine, "python_executor", NULL, NULL, NULL));
    /* A call whose end nobody wants to hear of. */
    assert_true(enclave_submit(engine, "get_stats", NULL, NULL, NULL, NULL));
    assert_false(enclave_cancel(engine, 0));
    assert_false(enclave_cancel(engine, UINT64_MAX));
    enclave_close(engine);
}

/* ---- callbacks ----------------------------------------------------------------------------- */

struct again {
    struct enclave *_Atomic engine;
    atomic_int ends, refused;
};

static void closes_and_waits(void *data, const char *json, const struct enclave_error *err) {
    struct again *again = data;
    struct enclave_error own = {.code = ENCLAVE_OK};
    (void)json, (void)err;
    enclave_close(again->engine);
    if (!enclave_stats(again->engine, &own) && own.code == ENCLAVE_INVALID)
        again->refused++;
    again->ends++;
}

static void sleep_long(struct enclave *engine, int times, enclave_done *done, void *data) {
    for (int i = 0; i < times; i++)
        assert_true(enclave_execute_start(engine,
                                          "shell_executor",
                                          "{\"command\": [\"sleep\", \"1000\"], \"timeout\": 200}",
                                          NULL,
                                          done,
                                          data,
                                          NULL));
}

/* Their ends come while enclave_close closes. */
static void callbacks_close_what_is_closing(void **state) {
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    uv_loop_t *loops[] = {NULL, &loop};
    for (size_t i = 0; i < 2; i++) {
        struct again again = {.engine = engine_with_pool(NULL, loops[i], "1")};
        sleep_long(again.engine, 5, closes_and_waits, &again);
        enclave_close(again.engine);
        assert_int_equal(again.ends, 5);
        assert_int_equal(again.refused, 5);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void log_closes_and_waits(void *data, enum enclave_log_level level, const char *line) {
    struct again *again = data;
    struct enclave_error own = {.code = ENCLAVE_OK};
    (void)level, (void)line;
    if (!again->engine)
        return; /* enclave_open has not returned */
    again->ends++;
    enclave_close(again->engine);
    if (!enclave_stats(again->engine, &own) && own.code == ENCLAVE_INVALID)
        again->refused++;
}

static void a_log_closes_what_logs(void **state) {
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    uv_loop_t *loops[] = {NULL, &loop};
    for (size_t i = 0; i < 2; i++) {
        struct again again = {.engine = NULL};
        struct enclave_options options;
        ENCLAVE_OPTIONS_INIT(&options);
        options.log = log_closes_and_waits;
        options.log_data = &again;
        options.loop = loops[i];
        struct enclave *engine = enclave_open(&options, NULL);
        assert_non_null(engine);
        again.engine = engine;
        struct again caller = {.engine = engine}; /* it closes, which is told to the log */
        assert_true(enclave_submit(engine, "get_stats", NULL, closes_and_waits, &caller, NULL));
        while (!caller.ends)
            enclave_free(enclave_stats(engine, NULL));
        assert_true(again.refused > 0);
        assert_int_equal(again.refused, again.ends);
        enclave_close(engine);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void on_timer(uv_timer_t *timer) {
    enclave_close(timer->data); /* a call waits below on the stack */
    uv_close((uv_handle_t *)timer, NULL);
}

static void the_programs_timer_closes_what_waits(void **state) {
    (void)state;
    uv_loop_t loop;
    uv_timer_t timer;
    uv_loop_init(&loop);
    struct enclave *engine = engine_with_pool(NULL, &loop, "1");
    uv_timer_init(&loop, &timer);
    timer.data = engine;
    uv_timer_start(&timer, on_timer, 20, 0);
    struct enclave_error err;
    char *result = enclave_execute(
        engine, "shell_executor", "{\"command\": [\"sleep\", \"0.2\"]}", NULL, &err);
    assert_non_null(result);
    enclave_free(result);
    enclave_close(engine);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* ---- loops and processes -------------------------------------------------------------------- */

static void *close_elsewhere(void *data) {
    enclave_close(data);
    return NULL;
}

static void a_loop_is_closed_too_early(void **state) {
    (void)state;
    uv_loop_t loop;
    pthread_t thread;
    struct enclave_error err;
    uv_loop_init(&loop);
    struct enclave *engine = engine_with_pool(NULL, &loop, "1");
    assert_int_equal(uv_loop_close(&loop), UV_EBUSY);
    assert_int_equal(pthread_create(&thread, NULL, close_elsewhere, engine), 0);
    pthread_join(thread, NULL);
    char *result = enclave_execute(engine, "python_executor", "{\"code\": \"\"}", NULL, &err);
    assert_non_null(result);
    enclave_free(result);
    enclave_close(engine);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* Whose callbacks wait for the other one, on one loop. */
static void calls_the_other(void *data, const char *json, const struct enclave_error *err) {
    struct again *other = data;
    (void)json, (void)err;
    enclave_free(enclave_stats(other->engine, NULL));
    other->ends++;
}

static void two_engines_share_a_loop(void **state) {
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct again first = {.engine = engine_with_pool(NULL, &loop, "1")};
    struct again second = {.engine = engine_with_pool(NULL, &loop, "1")};
    assert_true(enclave_submit(first.engine, "get_stats", NULL, calls_the_other, &second, NULL));
    assert_true(enclave_submit(second.engine, "get_stats", NULL, calls_the_other, &first, NULL));
    while (first.ends + second.ends < 2)
        uv_run(&loop, UV_RUN_ONCE);
    enclave_close(first.engine);
    char *stats = enclave_stats(second.engine, NULL);
    assert_non_null(stats);
    enclave_free(stats);
    enclave_close(second.engine);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* How many descriptors there are, of those that a program which is started would get. */
static int inherited(void) {
    DIR *folder = opendir("/proc/self/fd");
    int found = 0;
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        int flags = fcntl(atoi(entry->d_name), F_GETFD);
        found += *entry->d_name != '.' && flags >= 0 && !(flags & FD_CLOEXEC);
    }
    closedir(folder);
    return found;
}

static void a_child_has_no_engine(void **state) {
    (void)state;
    struct enclave_error err = {.code = ENCLAVE_OK};
    int before = inherited();
    struct enclave *engine = engine_with_pool(NULL, NULL, "1");
    assert_in_range(inherited(), before, before + 2); /* a pair by which libcurl wakes itself */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool fine = !enclave_stats(engine, &err) && err.code == ENCLAVE_CLOSED &&
                    !enclave_submit(engine, "get_stats", NULL, NULL, NULL, NULL) &&
                    !enclave_cancel(engine, 1);
        enclave_close(engine);
        _exit(fine ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    char *stats = enclave_stats(engine, &err);
    assert_non_null(stats);
    enclave_free(stats);
    enclave_close(engine);
}

/* ---- texts ----------------------------------------------------------------------------------- */

static char *many(char with, size_t count, const char *before, const char *after) {
    size_t head = strlen(before), tail = strlen(after);
    char *text = malloc(head + count + tail + 1);
    assert_non_null(text);
    memcpy(text, before, head);
    memset(text + head, with, count);
    memcpy(text + head + count, after, tail + 1);
    return text;
}

static void texts_are_huge_or_none(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "{",
                                      "nul",
                                      "[]x",
                                      "{\"code\":}",
                                      "\xff\xfe",
                                      "{\"code\": \"\\ud800",
                                      "1e999999",
                                      "[1]",
                                      "\"code\""};
    struct enclave_error err;
    struct enclave *engine = engine_with_pool(NULL, NULL, "1");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err.code = ENCLAVE_OK;
        char *json = enclave_execute(engine, "python_executor", bad[i], NULL, &err);
        if (json || err.code != ENCLAVE_INVALID)
            fail_msg("parameters %s: %s", bad[i], text_of(json, &err));
        err.code = ENCLAVE_OK;
        json = enclave_execute(engine, "python_executor", "{\"code\": \"\"}", bad[i], &err);
        if (json || err.code != ENCLAVE_INVALID)
            fail_msg("options %s: %s", bad[i], text_of(json, &err));
    }
    char *deep = many('[', 1000000, "", "");
    assert_non_null(strstr(
        text_of(enclave_execute(engine, "python_executor", deep, NULL, &err), &err), "not JSON"));
    free(deep);
    char *name = many('x', 1000000, "", "");
    assert_null(enclave_call(engine, name, NULL, &err));
    assert_int_equal(err.code, ENCLAVE_NOT_FOUND);
    assert_null(enclave_execute(engine, name, NULL, NULL, &err));
    assert_int_equal(err.code, ENCLAVE_NOT_FOUND);
    free(name);
    char *long_code = many('#', 8000000, "{\"code\": \"print(7)\\n", "\"}");
    char *result = enclave_execute(engine, "python_executor", long_code, NULL, &err);
    free(long_code);
    if (!result)
        fail_msg("%s", err.message);
    enclave_free(result);
    /* What is no UTF-8 goes to the program as it is; what comes is. */
    result = enclave_execute(
        engine, "python_executor", "{\"code\": \"print(1) #\xff\xc3\x28\"}", NULL, &err);
    if (!result)
        fail_msg("%s", err.message);
    enclave_free(result);
    assert_null(enclave_call(engine, "get_\xff\n\"stats", NULL, &err));
    assert_int_equal(err.code, ENCLAVE_NOT_FOUND);
    enclave_close(engine);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void *anything(void *data) {
    struct tally *tally = data;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    for (int i = 0; i < 60; i++) {
        int what = rand_r(&seed) % 4;
        uint64_t last = (uint64_t)rand_r(&seed) % (THREADS * 60) + 1;
        if (what == 0) {
            enclave_cancel(tally->engine, last); /* whosever it is */
            continue;
        }
        if (!enclave_execute_start(tally->engine,
                                   "shell_executor",
                                   what == 1 ? "{\"command\": [\"sleep\", \"0.01\"]}"
                                             : "{\"command\": \"true\"}",
                                   NULL,
                                   count,
                                   tally,
                                   NULL))
            tally->other++;
        if (what == 2)
            enclave_free(enclave_stats(tally->engine, NULL));
    }
    return NULL;
}

static void threads_cancel_each_other(void **state) {
    (void)state;
    struct tally tally = {.engine = engine_with_pool(NULL, NULL, "4")};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, anything, &tally), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    enclave_close(tally.engine);
    assert_int_equal(tally.other, 0);
}

static void *waits_long(void *data) {
    struct tally *tally = data;
    struct enclave_error err = {.code = ENCLAVE_OK};
    char *json = enclave_execute(tally->engine,
                                 "shell_executor",
                                 "{\"command\": [\"sleep\", \"1000\"], \"timeout\": 200}",
                                 NULL,
                                 &err);
    count(tally, json, json ? NULL : &err);
    enclave_free(json);
    return NULL;
}

static void closes_under_threads_that_wait(void **state) {
    (void)state;
    struct tally tally = {.engine = engine_with_pool(NULL, NULL, "1")};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, waits_long, &tally), 0);
    for (bool all = false; !all;) { /* until each of them waits */
        char *stats = enclave_stats(tally.engine, NULL);
        assert_non_null(stats);
        all = strstr(stats, "\"waiting\":7") != NULL;
        enclave_free(stats);
        usleep(1000);
    }
    enclave_close(tally.engine);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(tally.cancelled, THREADS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_where_something_is_wanted),
        cmocka_unit_test(callbacks_close_what_is_closing),
        cmocka_unit_test(a_log_closes_what_logs),
        cmocka_unit_test(the_programs_timer_closes_what_waits),
        cmocka_unit_test(a_loop_is_closed_too_early),
        cmocka_unit_test(two_engines_share_a_loop),
        cmocka_unit_test(a_child_has_no_engine),
        cmocka_unit_test(texts_are_huge_or_none),
        cmocka_unit_test(threads_cancel_each_other),
        cmocka_unit_test(closes_under_threads_that_wait),
    };
    return cmocka_run_group_tests_name("embed_hostile", tests, NULL, NULL);
}
