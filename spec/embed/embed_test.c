/* The public C API on a thread of its own: calls, threads, cancelling, closing, bad input. */
#include "fixture.h"

#include <locale.h>

static void runs_tools(void **state) {
    (void)state;
    struct enclave_error err;
    struct enclave *engine = engine_with_pool(NULL, NULL, "2");
    char *result =
        enclave_execute(engine, "python_executor", "{\"code\": \"print(42)\"}", NULL, &err);
    assert_non_null(result);
    assert_non_null(strstr(result, "\"output\":\"42\\n\""));
    assert_non_null(strstr(result, "\"status\":\"success\""));
    enclave_free(result);
    result = enclave_execute(
        engine, "shell_executor", "{\"command\": \"exit 3\"}", "{\"timeout\": 5}", &err);
    assert_non_null(result);
    assert_non_null(strstr(result, "\"exit_code\":3"));
    enclave_free(result);
    char *stats = enclave_stats(engine, &err);
    assert_non_null(strstr(stats, "\"pool_size\":2"));
    enclave_free(stats);
    enclave_close(engine);
    assert_string_equal(enclave_version(), ENCLAVE_VERSION);
}

static void expect(struct enclave *engine,
                   const char *method,
                   const char *arguments,
                   enum enclave_code code,
                   const char *text) {
    struct enclave_error err = {.code = ENCLAVE_OK};
    char *json = enclave_call(engine, method, arguments, &err);
    assert_null(json);
    assert_int_equal(err.code, code);
    if (!strstr(err.message, text))
        fail_msg("\"%s\" is not in \"%s\"", text, err.message);
}

static void tells_what_is_wrong(void **state) {
    (void)state;
    struct enclave_error err;
    struct enclave_options options;
    ENCLAVE_OPTIONS_INIT(&options);
    options.manager = "{\"tool\": []}";
    assert_null(enclave_open(&options, &err));
    assert_int_equal(err.code, ENCLAVE_INVALID);
    assert_non_null(strstr(err.message, "unknown option \"tool\"; did you mean \"tools\"?"));
    options.manager = "{\"tools\"";
    assert_null(enclave_open(&options, &err));
    assert_non_null(strstr(err.message, "manager: not JSON"));
    options.manager = "[1";
    assert_null(enclave_open(&options, NULL));
    options.manager = "{\"tools\": [\"/no/such/folder\"]}";
    assert_null(enclave_open(&options, &err));
    assert_non_null(strstr(err.message, "/no/such/folder"));
    options.size = 3;
    assert_null(enclave_open(&options, &err));
    assert_non_null(strstr(err.message, "options.size"));

    struct enclave *engine = engine_with_pool(NULL, NULL, "1");
    expect(engine, "get_stat", NULL, ENCLAVE_NOT_FOUND, "did you mean \"get_stats\"");
    expect(engine, "close", NULL, ENCLAVE_NOT_FOUND, "there is no method");
    expect(engine, "get_sandbox_info", "[5]", ENCLAVE_INVALID, "sandbox_id: expected a string");
    expect(engine, "get_sandbox_info", "[\"x\"]", ENCLAVE_NOT_FOUND, "x");
    expect(engine, "get_sandbox_info", "{}", ENCLAVE_INVALID, "expected a JSON array");
    expect(engine, "get_sandbox_info", "[", ENCLAVE_INVALID, "not JSON");
    expect(engine, "initialize_pool", "[{\"pool_size\": -1}]", ENCLAVE_INVALID, "pool_size");
    assert_null(enclave_execute(engine, "python_executor", "{\"cod\": 1}", NULL, &err));
    assert_int_equal(err.code, ENCLAVE_INVALID);
    assert_null(enclave_execute(engine, "no_tool", NULL, NULL, &err));
    assert_int_equal(err.code, ENCLAVE_NOT_FOUND);
    assert_null(enclave_execute(engine, "python_executor", "{", NULL, &err));
    assert_non_null(strstr(err.message, "parameters: not JSON"));
    assert_null(enclave_execute(engine, "python_executor", "{\"code\": \"\"}", "[1", NULL));
    assert_false(enclave_cancel(engine, 12345));
    enclave_close(engine);
    enclave_close(NULL);
}

/* ---- threads ----------------------------------------------------------------------------- */

static void takes_calls_of_many_threads(void **state) {
    (void)state;
    struct tally tally = {.engine = engine_with_pool(NULL, NULL, "3")};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &tally), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    enclave_close(tally.engine); /* the callbacks that are left come */
    assert_int_equal(tally.other, 0);
    assert_int_equal(tally.good + tally.cancelled, THREADS * CALLS);
    assert_true(tally.good >= THREADS * CALLS / 2);
}

static void *own_engine(void *data) {
    struct tally *tally = data;
    struct enclave_error err;
    struct tally own = {.engine = try_engine(NULL, NULL, "2", &err)};
    if (!own.engine) {
        fprintf(stderr, "%s: %s\n", err.op, err.message);
        return NULL;
    }
    submit_many(&own);
    enclave_close(own.engine);
    tally->good += own.good + own.cancelled;
    tally->other += own.other;
    return NULL;
}

static void several_engines_live_at_a_time(void **state) {
    (void)state;
    struct tally tally = {.engine = NULL};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, own_engine, &tally), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(tally.other, 0);
    assert_int_equal(tally.good, 4 * CALLS);
}

static void *cancel_when_told(void *data) {
    struct tally *tally = data;
    usleep(20000);
    for (uint64_t call = 1; call < 40; call++)
        enclave_cancel(tally->engine, call);
    return NULL;
}

static void start_sleepers(struct tally *tally, int calls) {
    struct enclave_error err;
    for (int i = 0; i < calls; i++)
        assert_true(enclave_execute_start(tally->engine,
                                          "shell_executor",
                                          "{\"command\": [\"sleep\", \"1000\"], \"timeout\": 200}",
                                          NULL,
                                          count,
                                          tally,
                                          &err));
}

static void cancels_what_waits_and_what_runs(void **state) {
    (void)state;
    struct tally tally = {.engine = engine_with_pool(NULL, NULL, "1")};
    start_sleepers(&tally, 8);
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_when_told, &tally);
    pthread_join(thread, NULL);
    for (int i = 0; i < 1000 && tally.cancelled + tally.good + tally.other < 8; i++)
        usleep(20000);
    assert_int_equal(tally.other, 0);
    assert_int_equal(tally.cancelled + tally.good, 8);
    assert_true(tally.cancelled >= 7);
    enclave_close(tally.engine);
}

static void closes_under_calls(void **state) {
    (void)state;
    struct tally tally = {.engine = engine_with_pool(NULL, NULL, "1")};
    start_sleepers(&tally, 50);
    enclave_close(tally.engine);
    assert_int_equal(tally.other, 0);
    assert_int_equal(tally.cancelled, 50);
}

/* ---- callbacks ------------------------------------------------------------------------------ */

struct chain {
    struct enclave *engine;
    atomic_int left;
    bool refused;
};

static void on_link(void *data, const char *json, const struct enclave_error *err) {
    struct chain *chain = data;
    struct enclave_error own;
    (void)err;
    if (json && !enclave_stats(chain->engine, &own))
        chain->refused = own.code == ENCLAVE_INVALID;
    enclave_close(chain->engine); /* does nothing here */
    if (chain->left > 1)
        enclave_execute_start(chain->engine,
                              "python_executor",
                              "{\"code\": \"print(1)\"}",
                              NULL,
                              on_link,
                              chain,
                              NULL);
    chain->left--;
}

static void callbacks_submit_and_do_not_wait(void **state) {
    (void)state;
    struct chain chain = {.engine = engine_with_pool(NULL, NULL, "1"), .left = 20};
    enclave_submit(chain.engine, "get_stats", NULL, on_link, &chain, NULL);
    for (int i = 0; i < 1000 && chain.left; i++)
        usleep(20000);
    assert_int_equal(chain.left, 0);
    assert_true(chain.refused);
    enclave_close(chain.engine);
}

/* Whatever the program's is: a comma in numbers would spoil JSON. */
static void on_locale(void *data, const char *json, const struct enclave_error *err) {
    (void)json, (void)err;
    *(bool *)data = uselocale((locale_t)0) != LC_GLOBAL_LOCALE;
}

static void has_a_locale_of_its_own(void **state) {
    (void)state;
    bool own = false;
    struct enclave *engine = engine_with_pool(NULL, NULL, "1");
    assert_true(enclave_submit(engine, "get_stats", NULL, on_locale, &own, NULL));
    enclave_close(engine);
    assert_true(own);
}

/* ---- tools and hooks --------------------------------------------------------------------------
 */

static void write_file(const char *folder, const char *name, const char *text) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void loads_tools_and_hooks(void **state) {
    static const char tool[] =
        "return { name = 'shout', api = 1, parameters = { type = 'object',\n"
        "  required = { 'text' }, properties = { text = { type = 'string' } } },\n"
        "  execute = function(_, p) return p.text:upper() end }\n";
    static const char hook[] =
        "return { name = 'no_shell', api = 1, on_borrow = function(_, context)\n"
        "  if context.tool_name == 'shell_executor' then return nil, 'no shell here' end\n"
        "  return true end }\n";
    (void)state;
    char folder[] = "/tmp/enclave-embed-XXXXXX", command[100], manager[200];
    struct enclave_error err;
    assert_non_null(mkdtemp(folder));
    write_file(folder, "shout.lua", tool);
    write_file(folder, "no_shell.lua", hook);
    snprintf(manager,
             sizeof manager,
             "{\"tools\": [\"%s/shout.lua\"], \"hooks\": [\"%s/no_shell.lua\"]}",
             folder,
             folder);
    struct enclave *engine = engine_with_pool(manager, NULL, "1");
    char *result = enclave_execute(engine, "shout", "{\"text\": \"hey\"}", NULL, &err);
    assert_non_null(result);
    assert_non_null(strstr(result, "\"output\":\"HEY\""));
    enclave_free(result);
    assert_null(enclave_execute(engine, "shell_executor", "{\"command\": \"id\"}", NULL, &err));
    assert_non_null(strstr(err.message, "no shell here"));
    enclave_close(engine);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* While a task keeps the loop from turning and then turns it itself, as a late one does. */
static void closes_while_a_tool_is_busy(void **state) {
    static const char tool[] =
        "local enclave = require 'enclave'\n"
        "return { name = 'busy', api = 1, execute = function(_, _, context)\n"
        "  io.open('%s.began', 'w'):close()\n"
        "  local began = enclave.now()\n"
        "  while enclave.now() - began < 0.4 do end\n"
        "  context.borrow{ timeout = 0 }\n"
        "  enclave.sleep(10000)\n"
        "end }\n";
    (void)state;
    char folder[] = "/tmp/enclave-embed-XXXXXX", command[100], manager[200], text[600], began[60];
    struct tally tally = {.engine = NULL};
    assert_non_null(mkdtemp(folder));
    snprintf(text, sizeof text, tool, folder);
    write_file(folder, "busy.lua", text);
    snprintf(manager, sizeof manager, "{\"tools\": [\"%s/busy.lua\"]}", folder);
    snprintf(began, sizeof began, "%s.began", folder);
    tally.engine = engine_with_pool(manager, NULL, "1");
    assert_true(enclave_execute_start(tally.engine, "busy", "{}", NULL, count, &tally, NULL));
    while (access(began, F_OK) < 0)
        usleep(1000);
    alarm(60); /* it hung here */
    enclave_close(tally.engine);
    alarm(0);
    assert_int_equal(tally.cancelled, 1);
    snprintf(command, sizeof command, "rm -r %s %s", folder, began);
    assert_int_equal(system(command), 0);
}

static void on_line(void *data, enum enclave_log_level level, const char *line) {
    char *last = data;
    if (level == ENCLAVE_LOG_WARN || level == ENCLAVE_LOG_ERROR)
        snprintf(last, 200, "%s", line);
}

static void logs_to_the_program(void **state) {
    (void)state;
    struct enclave_options options;
    struct enclave_error err;
    char last[200] = "";
    ENCLAVE_OPTIONS_INIT(&options);
    options.log = on_line;
    options.log_data = last;
    struct enclave *engine = enclave_open(&options, &err);
    assert_non_null(engine);
    assert_null(enclave_initialize_pool(
        engine, "{\"pool_size\": 1, \"config\": {\"image\": \"\"}, " FAKE "}", &err));
    assert_int_equal(err.code, ENCLAVE_INVALID);
    setenv("ENCLAVE_PATH", "/no/such/plugins", 1);
    struct enclave *second = enclave_open(&options, &err);
    unsetenv("ENCLAVE_PATH");
    assert_non_null(second);
    enclave_close(second);
    assert_non_null(strstr(last, "ENCLAVE_PATH: /no/such/plugins"));
    enclave_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_tools),
        cmocka_unit_test(tells_what_is_wrong),
        cmocka_unit_test(takes_calls_of_many_threads),
        cmocka_unit_test(several_engines_live_at_a_time),
        cmocka_unit_test(cancels_what_waits_and_what_runs),
        cmocka_unit_test(closes_under_calls),
        cmocka_unit_test(callbacks_submit_and_do_not_wait),
        cmocka_unit_test(has_a_locale_of_its_own),
        cmocka_unit_test(loads_tools_and_hooks),
        cmocka_unit_test(closes_while_a_tool_is_busy),
        cmocka_unit_test(logs_to_the_program),
    };
    return cmocka_run_group_tests_name("embed", tests, NULL, NULL);
}
