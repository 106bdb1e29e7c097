/* The agent: interpreters that are kept running, those of this machine. What a warm run is like to
 * its program is for spec/conformance; here: that it is warm, that what cannot be is executed,
 * and what they survive. */
#include "agent_peer.h"

/* With these variables in the sandbox's environment. */
static int start_with(const char *const *variables) {
    peer_open(&peer, NULL);
    peer_hello(&peer);
    struct peer_frame config = peer_config("65534:65534");
    for (; *variables; variables++)
        enc_wire_put_text(&config.writer, ENC_WIRE_TAG_ENV, *variables);
    enc_wire_put_text(&config.writer, ENC_WIRE_TAG_WARM, "sh");
    enc_wire_put_text(&config.writer, ENC_WIRE_TAG_WARM, "python3");
    enc_wire_put_text(&config.writer, ENC_WIRE_TAG_WARM, "cobol");
    enc_wire_put_text(&config.writer, ENC_WIRE_TAG_PRELOAD, "json");
    enc_wire_put_text(&config.writer, ENC_WIRE_TAG_PRELOAD, "asyncio");
    enc_wire_put_text(&config.writer, ENC_WIRE_TAG_PRELOAD, "no_such_module");
    peer_end(&peer, &config);
    assert_int_equal(peer_next(&peer).type, ENC_WIRE_HELLO);
    struct enc_wire_frame ready = peer_expect(&peer, ENC_WIRE_READY);
    struct enc_wire_field field;
    size_t offset = 0, up = 0;
    while (enc_wire_field(&ready, &offset, &field))
        up += field.tag == ENC_WIRE_TAG_WARM;
    assert_int_equal(up, 2);
    return 0;
}

static int start_warm(void **state) {
    const char *const none[] = {NULL};
    (void)state;
    return start_with(none);
}

/* As images of Python and of its programs have it. */
static int start_as_image(void **state) {
    const char *const variables[] = {"PYTHON_VERSION=3.11.9",
                                     "PYTHON_SHA256=9b1e8965",
                                     "PYTHON_PIP_VERSION=24.0",
                                     "PYTHON_GET_PIP_URL=https://localhost/",
                                     "PYTHONUNBUFFERED=1",
                                     "PYTHONDONTWRITEBYTECODE=1",
                                     "PYTHONUTF8=1",
                                     "OMP_NUM_THREADS=1",
                                     NULL};
    (void)state;
    return start_with(variables);
}

/* A run of code, which could be warm or not. Whether it was. */
static bool was_warm(uint32_t id, const char *name, const char *code, const char *out, bool could) {
    bool python = strcmp(name, "python3") == 0;
    struct peer_frame run = python ? peer_run(id, name, PEER_WORK "/main.py", "one", NULL)
                                   : peer_run(id, name, "-c", code, NULL);
    enc_wire_put_text(&run.writer, ENC_WIRE_TAG_WARM, name);
    if (!could)
        enc_wire_put_text(&run.writer, ENC_WIRE_TAG_ENV, python ? "PYTHONHASHSEED=7" : "LD_X=1");
    if (python) {
        enc_wire_put_text(&run.writer, ENC_WIRE_TAG_CODE_PATH, "main.py");
        enc_wire_put_bytes(&run.writer, ENC_WIRE_TAG_CODE, code, strlen(code));
    }
    peer_end(&peer, &run);
    struct peer_result result = {.done = false};
    uint64_t warm = 99;
    while (!result.done) {
        struct enc_wire_frame frame = peer_next(&peer);
        if (frame.type == ENC_WIRE_EXIT)
            warm = enc_wire_number(&frame, ENC_WIRE_TAG_WAS_WARM, 0);
        if (frame.id == id)
            peer_take(&result, &frame);
    }
    assert_string_equal(result.out.data ? result.out.data : "", out);
    peer_result_free(&result);
    assert_in_range(warm, 0, 1);
    return warm;
}

/* It is warm, or it is not. Where the machine is too busy for a waiting process to answer in its
 * time, the program is executed instead: then once more. */
static void runs(uint32_t id, const char *name, const char *code, const char *out, bool warm) {
    bool was = was_warm(id, name, code, out, warm);
    for (uint32_t again = 1; warm && !was && again < 50; again++)
        was = was_warm(id + 1000 * again, name, code, out, warm);
    if (was != warm)
        fail_msg("run %u by %s: warm is %d", id, name, was);
}

static void test_runs_are_warm(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        runs(1 + 4 * i, "sh", "echo $GREETING; exit 3", "hello\n", true);
        runs(2 + 4 * i,
             "python3",
             "import sys, json\nprint(json.dumps(sys.argv[1:]))",
             "[\"one\"]\n",
             true);
        runs(3 + 4 * i, "sh", "echo $LD_X", "1\n", false);
        runs(4 + 4 * i, "python3", "import sys\nprint(sys.flags.hash_randomization)", "1\n", false);
    }
}

/* A run of an empty program that could be warm. */
static struct peer_frame python(uint32_t id) {
    struct peer_frame run = peer_run(id, "python3", PEER_WORK "/main.py", NULL);
    enc_wire_put_text(&run.writer, ENC_WIRE_TAG_WARM, "python3");
    enc_wire_put_text(&run.writer, ENC_WIRE_TAG_CODE_PATH, "main.py");
    enc_wire_put_bytes(&run.writer, ENC_WIRE_TAG_CODE, "", 0);
    return run;
}

static void ends_cold(struct peer_frame *run) {
    peer_end(&peer, run);
    struct enc_wire_frame end = peer_expect(&peer, ENC_WIRE_EXIT);
    assert_int_equal(enc_wire_number(&end, ENC_WIRE_TAG_WAS_WARM, 9), 0);
    assert_int_equal(enc_wire_number(&end, ENC_WIRE_TAG_EXIT_CODE, 9), 0);
}

static void test_runs_of_an_image_are_warm(void **state) {
    (void)state;
    runs(1,
         "python3",
         "import os, sys\n"
         "print(sys.stdout.write_through, sys.dont_write_bytecode,\n"
         "  sys.flags.utf8_mode, os.environ['PYTHON_VERSION'], os.environ['OMP_NUM_THREADS'])",
         "True True 1 3.11.9 1\n",
         true);
    runs(2, "python3", "import os\nprint(os.environ['PYTHONHASHSEED'])", "7\n", false);
    runs(3, "sh", "echo $PYTHONUNBUFFERED", "1\n", true);
    struct peer_frame run = python(4);
    enc_wire_put_text(&run.writer, ENC_WIRE_TAG_ENV, "PYTHONUNBUFFERED=");
    ends_cold(&run);
}

/* It is one with what C libraries of it have remembered. */
static void test_a_preloaded_module_is_whole(void **state) {
    (void)state;
    runs(1,
         "python3",
         "import asyncio\n"
         "async def main():\n"
         "  try: await asyncio.wait_for(asyncio.sleep(60), 0.01)\n"
         "  except asyncio.TimeoutError: print('late')\n"
         "  print(await asyncio.get_running_loop().run_in_executor(None, int, '5'))\n"
         "asyncio.run(main())\n",
         "late\n5\n",
         true);
}

/* The server's own memory would count for the program's. */
static void test_little_memory(void **state) {
    (void)state;
    struct peer_frame run = python(1);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_MEMORY_BYTES, 32 << 20);
    ends_cold(&run);
}

/* More than there are spares at a time. */
static void test_many_at_once(void **state) {
    enum { RUNS = 24 };
    struct peer_result results[RUNS] = {{.done = false}};
    (void)state;
    for (uint32_t i = 0; i < RUNS; i++) {
        struct peer_frame run = peer_run(i + 1, "sh", "-c", "sleep 0.1; echo done", NULL);
        enc_wire_put_text(&run.writer, ENC_WIRE_TAG_WARM, "sh");
        peer_end(&peer, &run);
    }
    for (unsigned done = 0; done < RUNS;) {
        struct enc_wire_frame frame = peer_next(&peer);
        if (!frame.id || frame.id > RUNS)
            continue;
        peer_take(&results[frame.id - 1], &frame);
        done += frame.type == ENC_WIRE_EXIT;
    }
    for (unsigned i = 0; i < RUNS; i++) {
        assert_string_equal(results[i].out.data, "done\n");
        peer_result_free(&results[i]);
    }
}

static void test_a_reset_leaves_them_running(void **state) {
    (void)state;
    runs(1, "sh", "setsid sleep 1000 >/dev/null 2>&1 & echo x > /tmp/x; echo $?", "0\n", true);
    struct peer_reset reset = peer_clean(&peer);
    assert_string_equal(reset.failure, "");
    runs(2, "sh", "ls /tmp; echo end", "end\n", true);
    runs(3, "python3", "import os\nprint(os.listdir('/tmp'))", "[]\n", true);
    for (uint32_t i = 0; i < 3; i++) {
        assert_string_equal(peer_clean(&peer).failure, "");
        runs(4 + i, "python3", "print(1)", "1\n", true);
    }
}

/* They are of the user of runs: after one as the agent's own user there are new ones, of which
 * nothing is told again. */
static void test_a_root_run_has_them_started_again(void **state) {
    (void)state;
    struct peer_frame run = peer_run(1, "id", "-u", NULL);
    enc_wire_put_text(&run.writer, ENC_WIRE_TAG_USER, "0:0");
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, 1);
    assert_string_equal(result.out.data, "0\n");
    peer_result_free(&result);
    peer_send(&peer, ENC_WIRE_RESET, 0, NULL, 0);
    assert_int_equal(peer_next(&peer).type, ENC_WIRE_CLEANED);
    runs(2, "python3", "print(4)", "4\n", true);
    runs(3, "sh", "echo 5", "5\n", true);
}

/* What a run may do to its own kind: the next is served all the same. */
static void test_they_come_up_again(void **state) {
    (void)state;
    runs(1, "python3", "import os\nos.write(1, b'x')\nos.kill(os.getpid(), 9)", "x", true);
    runs(2, "sh", "kill -9 $$", "", true);
    runs(3, "python3", "import os\nos.kill(os.getppid(), 9) if os.getppid() > 1 else 0", "", true);
    assert_string_equal(peer_clean(&peer).failure, "");
    runs(4, "python3", "print(2)", "2\n", true);
    runs(5, "sh", "echo 3", "3\n", true);
}

#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, start_warm, peer_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_AGENT(test_runs_are_warm),
        cmocka_unit_test_setup_teardown(test_runs_of_an_image_are_warm, start_as_image, peer_down),
        WITH_AGENT(test_a_preloaded_module_is_whole),
        WITH_AGENT(test_little_memory),
        WITH_AGENT(test_many_at_once),
        WITH_AGENT(test_a_reset_leaves_them_running),
        WITH_AGENT(test_a_root_run_has_them_started_again),
        WITH_AGENT(test_they_come_up_again),
    };
    clearenv(); /* what an interpreter reads when it starts keeps runs from being warm */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
