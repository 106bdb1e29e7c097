/* A C program with a warm pool inside: blocking calls, a callback, a cancelled call, and what
 * errors look like.
 *
 *   cc embed.c $(pkg-config --cflags --libs enclave) -o embed && ./embed
 *
 * ENCLAVE_IMAGE names another image than python:3.11-slim. */
#include <enclave/enclave.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const char *what, const struct enclave_error *err) {
    fprintf(stderr, "%s: %s (%s)\n", what, err->message, enclave_code_name(err->code));
    return -1;
}

static void on_log(void *data, enum enclave_log_level level, const char *line) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    (void)data;
    fprintf(stderr, "[%s] %s\n", names[level], line);
}

struct call {
    const char *name;
    sem_t ended;
};

/* On the engine's thread: keep it short, call nothing that waits. */
static void on_result(void *data, const char *json, const struct enclave_error *err) {
    struct call *call = data;
    if (err)
        printf("%s: %s\n", call->name, enclave_code_name(err->code));
    else
        printf("%s: %s\n", call->name, strstr(json, "\"status\":\"success\"") ? "success" : json);
    sem_post(&call->ended);
}

/* Starts a command; gives its number, or 0. It must be waited for. */
static uint64_t start(struct enclave *engine, const char *parameters, struct call *call) {
    struct enclave_error err;
    sem_init(&call->ended, 0, 0);
    uint64_t number =
        enclave_execute_start(engine, "shell_executor", parameters, NULL, on_result, call, &err);
    if (!number)
        failed("execute_start", &err);
    return number;
}

static void wait_for(struct call *call) {
    while (sem_wait(&call->ended))
        ; /* a signal came */
    sem_destroy(&call->ended);
}

static int run(struct enclave *engine) {
    struct enclave_error err;
    const char *image = getenv("ENCLAVE_IMAGE");
    char pool[512];
    snprintf(pool,
             sizeof pool,
             "{\"pool_size\": 2, \"config\": {\"image\": \"%s\"}}",
             image ? image : "python:3.11-slim");
    char *ids = enclave_initialize_pool(engine, pool, &err);
    if (!ids)
        return failed("initialize_pool", &err);
    enclave_free(ids);

    char *result = enclave_execute(
        engine, "python_executor", "{\"code\": \"print('from C')\"}", "{\"timeout\": 30}", &err);
    if (!result)
        return failed("execute", &err);
    printf("%s\n", strstr(result, "\"output\":\"from C\\n\"") ? "from C" : result);
    enclave_free(result);

    /* What the caller did wrong is an error; a program that fails is a result. */
    if (!enclave_execute(engine, "python_executor", "{\"cod\": \"\"}", NULL, &err))
        printf("%s: %s\n", enclave_code_name(err.code), err.message);

    struct call quick = {.name = "callback"}, slow = {.name = "slow"};
    if (!start(engine, "{\"command\": \"true\"}", &quick))
        return -1;
    wait_for(&quick);
    uint64_t number = start(engine, "{\"command\": \"sleep 60\"}", &slow);
    if (!number)
        return -1;
    enclave_cancel(engine, number);
    wait_for(&slow);

    char *stats = enclave_stats(engine, &err);
    if (!stats)
        return failed("stats", &err);
    enclave_free(stats);
    return 0;
}

int main(void) {
    struct enclave_error err;
    struct enclave_options options;
    ENCLAVE_OPTIONS_INIT(&options);
    options.manager = "{\"log_level\": \"warn\"}";
    options.log = on_log;
    struct enclave *engine = enclave_open(&options, &err);
    if (!engine) {
        failed("open", &err);
        return EXIT_FAILURE;
    }
    int status = run(engine);
    enclave_close(engine); /* what still ran would end with CANCELLED */
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
