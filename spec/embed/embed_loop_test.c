/* The public C API on the program's loop, in its memory, and with its descriptors. */
#include "fixture.h"

#include <sys/wait.h>

/* ---- the program's loop ---------------------------------------------------------------------- */

struct watch {
    struct tally tally;
    int left;
    uv_loop_t *loop;
    uv_async_t ended;
};

static void on_loop_call(void *data, const char *json, const struct enclave_error *err) {
    struct watch *watch = data;
    count(&watch->tally, json, err);
    if (--watch->left == 0)
        uv_stop(watch->loop);
}

static void runs_on_the_programs_loop(void **state) {
    (void)state;
    uv_loop_t loop;
    struct enclave_error err;
    uv_loop_init(&loop);
    struct watch watch = {.left = 20, .loop = &loop};
    watch.tally.engine = engine_with_pool(NULL, &loop, "2"); /* waits: turns the loop */
    for (int i = 0; i < 20; i++)
        assert_true(enclave_execute_start(watch.tally.engine,
                                          "python_executor",
                                          "{\"code\": \"print(1)\"}",
                                          NULL,
                                          on_loop_call,
                                          &watch,
                                          &err));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(watch.tally.good, 20);
    char *stats = enclave_stats(watch.tally.engine, &err);
    assert_non_null(stats);
    enclave_free(stats);
    enclave_close(watch.tally.engine);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void *from_outside(void *data) {
    struct watch *watch = data;
    submit_many(&watch->tally);
    uv_async_send(&watch->ended);
    return NULL;
}

static void on_ended(uv_async_t *handle) {
    uv_close((uv_handle_t *)handle, NULL);
}

static void the_programs_loop_takes_calls_of_other_threads(void **state) {
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct watch watch = {.loop = &loop};
    pthread_t thread;
    watch.tally.engine = engine_with_pool(NULL, &loop, "2");
    uv_async_init(&loop, &watch.ended, on_ended);
    pthread_create(&thread, NULL, from_outside, &watch);
    while (!uv_is_closing((uv_handle_t *)&watch.ended))
        uv_run(&loop, UV_RUN_ONCE);
    pthread_join(thread, NULL);
    enclave_close(watch.tally.engine);
    assert_int_equal(watch.tally.other, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* ---- descriptors ------------------------------------------------------------------------------
 */

/* libuv gives up when one of its own descriptors is one of these. */
static void a_daemon_has_closed_its_standard_streams(void **state) {
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct enclave_error err;
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
            close(fd);
        struct enclave *engine = try_engine(NULL, NULL, "1", &err);
        char *stats = enclave_stats(engine, &err);
        enclave_free(stats);
        enclave_close(engine);
        _exit(stats ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- memory ------------------------------------------------------------------------------------
 */

struct budget {
    size_t used, most;
    long fail_after; /* allocations; negative: never */
};

static void *spend(void *data, void *pointer, size_t old_size, size_t new_size) {
    struct budget *budget = data;
    if (!new_size) {
        budget->used -= pointer ? old_size : 0;
        free(pointer);
        return NULL;
    }
    if (budget->fail_after == 0 && new_size > (pointer ? old_size : 0))
        return NULL;
    budget->fail_after -= budget->fail_after > 0;
    void *more = realloc(pointer, new_size);
    if (more)
        budget->used += new_size - (pointer ? old_size : 0);
    if (budget->used > budget->most)
        budget->most = budget->used;
    return more;
}

static void uses_the_programs_memory(void **state) {
    (void)state;
    struct enclave_options options;
    struct enclave_error err;
    struct budget budget = {.fail_after = -1};
    ENCLAVE_OPTIONS_INIT(&options);
    options.allocate = spend;
    options.allocate_data = &budget;
    struct enclave *engine = enclave_open(&options, &err);
    assert_non_null(engine);
    enclave_close(engine);
    assert_true(budget.most > 100000);
    assert_int_equal(budget.used, 0);
    /* Out of memory at any point of opening is an error, not a crash. */
    for (long after = 0; after < 20000; after += after < 100 ? 7 : 1531) {
        budget = (struct budget){.fail_after = after};
        engine = enclave_open(&options, &err);
        enclave_close(engine);
        assert_int_equal(budget.used, 0);
    }
}

/* ---- memory of libuv: for the whole process
 * ------------------------------------------------------ */

static atomic_long blocks;

static void *count_malloc(size_t size) {
    blocks++;
    return malloc(size);
}

static void *count_realloc(void *pointer, size_t size) {
    blocks += !pointer;
    return realloc(pointer, size);
}

static void *count_calloc(size_t count_, size_t size) {
    blocks++;
    return calloc(count_, size);
}

static void count_free(void *pointer) {
    blocks -= pointer != NULL;
    free(pointer);
}

static void libuv_uses_the_programs_memory(void **state) {
    (void)state;
    struct enclave_error err;
    assert_int_equal(enclave_use_allocator(count_malloc, NULL, NULL, NULL, &err), -1);
    assert_int_equal(err.code, ENCLAVE_INVALID);
    assert_int_equal(
        enclave_use_allocator(count_malloc, count_realloc, count_calloc, count_free, &err), 0);
    enclave_close(engine_with_pool(NULL, NULL, "1"));
    assert_int_equal(blocks, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_daemon_has_closed_its_standard_streams),
        cmocka_unit_test(libuv_uses_the_programs_memory),
        cmocka_unit_test(runs_on_the_programs_loop),
        cmocka_unit_test(the_programs_loop_takes_calls_of_other_threads),
        cmocka_unit_test(uses_the_programs_memory),
    };
    return cmocka_run_group_tests_name("embed_loop", tests, NULL, NULL);
}
