/* Programs and files in real containers, and their cleaning, over the exec channel. */
#include "box_fixture.h"

static void programs_run(void **state) {
    (void)state;
    struct box box;
    struct ran ran;
    up(&box, "{\"env_vars\": {\"COLOUR\": \"blue\"}}");
    shell(&box, &ran, "echo out; echo err >&2; exit 3", 30);
    assert_int_equal(ran.status, ENC_RUN_EXITED);
    assert_int_equal(ran.code, 3);
    assert_string_equal(ran.out, "out\n");
    assert_string_equal(ran.errors, "err\n");

    const char *const pwd[] = {"pwd", NULL};
    run(&box, &ran, (struct enc_run_spec){.argv = pwd, .cwd = "/usr/bin"}, 30);
    assert_string_equal(ran.out, "/usr/bin\n");
    run(&box, &ran, (struct enc_run_spec){.argv = pwd, .cwd = "no \n\xff"}, 30);
    assert_int_equal(ran.code, 126);
    assert_string_equal(ran.out, "");
    assert_string_equal(ran.errors, "cannot enter folder /sandbox/no \n\xff\n");

    shell(&box, &ran, "echo $COLOUR $HOME $(pwd) $(id -u):$(id -g); touch here", 30);
    assert_string_equal(ran.out, "blue /sandbox /sandbox 65534:65534\n");
    shell(&box,
          &ran,
          "touch /usr/x 2>/dev/null && echo writable; grep CapEff /proc/self/status; "
          "ls /sys/class/net",
          30);
    assert_string_equal(ran.out, "CapEff:\t0000000000000000\nlo\n");

    const char *const python[] = {"python3", "main.py", "a b", "ü", NULL};
    const char *const env[] = {"SIZE=4", NULL};
    static const char code[] = "import os, sys\nprint(sys.argv, os.environ['SIZE'], input())\n";
    run(&box,
        &ran,
        (struct enc_run_spec){.argv = python,
                              .env = env,
                              .code = code,
                              .code_len = sizeof code - 1,
                              .code_path = "deep/er/main.py",
                              .cwd = "deep/er",
                              .stdin_data = "question\nmore",
                              .stdin_len = 13},
        30);
    assert_string_equal(ran.errors, "");
    assert_string_equal(ran.out, "['main.py', 'a b', 'ü'] 4 question\n");

    const char *const none[] = {"no-such-program", NULL};
    run(&box, &ran, (struct enc_run_spec){.argv = none}, 30);
    assert_int_equal(ran.code, 127);
    assert_non_null(strstr(ran.errors, "no-such-program"));

    shell(&box, &ran, "kill -SEGV $$", 30);
    assert_int_equal(ran.status, ENC_RUN_SIGNALED);
    assert_int_equal(ran.signal, SIGSEGV);
    down(&box);
}

static size_t processes(struct box *box, const char *name) {
    struct ran ran;
    char script[200];
    snprintf(script, sizeof script, "cat /proc/[0-9]*/comm 2>/dev/null | grep -cx %s", name);
    shell(box, &ran, script, 30);
    return strtoul(ran.out, NULL, 10);
}

static void users_and_services(void **state) {
    (void)state;
    struct box box;
    struct ran ran;
    struct waited waited;
    up(&box, "{\"user\": \"nobody\", \"command\": [\"sh\", \"-c\", \"sleep 1234; true\"]}");
    shell(&box, &ran, "echo x >file && id -un", 30);
    assert_string_equal(ran.out, "nobody\n");
    reset(&box, &waited);
    assert_int_equal(waited.err.code, 0);
    assert_int_equal(waited.report.files, 1);
    assert_int_equal(processes(&box, "sleep"), 1); /* the service goes on */
    down(&box);
    up(&box, "{\"user\": \"root\"}");
    shell(&box, &ran, "id -u; setsid sleep 1000 >&- 2>&- &", 30);
    assert_string_equal(ran.out, "0\n");
    reset(&box, &waited);
    assert_int_equal(waited.err.code, 0);
    assert_int_equal(waited.report.processes, 1);
    assert_false(box.broken);
    down(&box);
}

static void input_comes_later(void **state) {
    (void)state;
    struct box box;
    struct ran ran;
    const char *const argv[] = {"cat", NULL};
    up(&box, "{}");
    start(&box,
          &ran,
          (struct enc_run_spec){
              .argv = argv, .stdin_data = "one ", .stdin_len = 4, .stdin_open = true},
          30);
    assert_int_equal(enc_run_input(ran.run, "two ", 4, NULL), 0);
    idle_for(300);
    assert_int_equal(enc_run_input(ran.run, "three", 5, NULL), 0);
    enc_run_input_end(ran.run);
    turn_until(&ran.done);
    assert_string_equal(ran.out, "one two three");
    assert_int_equal(ran.code, 0);
    down(&box);
}

static void much_output_is_whole(void **state) {
    (void)state;
    struct box box;
    struct ran ran;
    up(&box, "{\"max_output_size\": \"1m\"}");
    shell(&box, &ran, "head -c 8388608 /dev/zero; echo end >&2", 60);
    assert_int_equal(ran.total, 8388608);
    assert_int_equal(ran.len, 1048576);
    assert_string_equal(ran.errors, "end\n");
    down(&box);
}

static void a_late_program_is_killed_inside(void **state) {
    (void)state;
    struct box box;
    struct ran ran;
    up(&box, "{}");
    enc_deadline begun = enc_now();
    shell(&box, &ran, "echo part; (trap '' TERM; sleep 1000) & sleep 1000", 1.5);
    assert_true(enc_now() - begun >= ENC_NS_PER_S);
    assert_int_equal(ran.status, ENC_RUN_TIMEOUT);
    assert_int_equal(ran.code, -1);
    assert_string_equal(ran.out, "part\n");
    assert_false(box.broken);
    assert_int_equal(processes(&box, "sleep"), 0);

    const char *const argv[] = {"sleep", "1000", NULL};
    start(&box, &ran, (struct enc_run_spec){.argv = argv}, 30);
    idle_for(300);
    enc_run_cancel(ran.run);
    turn_until(&ran.done);
    assert_int_equal(ran.status, ENC_RUN_CANCELLED);
    assert_int_equal(processes(&box, "sleep"), 0);

    static const char code[] = "sleep 1000";
    start(&box,
          &ran,
          (struct enc_run_spec){
              .argv = argv, .code = code, .code_len = sizeof code - 1, .code_path = "x"},
          30);
    enc_run_cancel(ran.run); /* while its code is being written */
    turn_until(&ran.done);
    assert_int_equal(ran.status, ENC_RUN_CANCELLED);
    assert_false(box.broken);
    down(&box);
}

static void a_child_that_stays_does_not_hold_the_run(void **state) {
    (void)state;
    struct box box;
    struct ran ran;
    struct waited waited;
    up(&box, "{}");
    /* It holds the output and keeps the mark. */
    shell(&box, &ran, "setsid sleep 1000 & echo done", 60);
    assert_int_equal(ran.status, ENC_RUN_EXITED);
    assert_int_equal(ran.code, 0);
    assert_string_equal(ran.out, "done\n");
    assert_int_equal(processes(&box, "sleep"), 0);
    /* It throws the mark away: only a reset finds it. */
    shell(&box, &ran, "env -i setsid sleep 1000 & echo done", 60);
    assert_string_equal(ran.out, "done\n");
    assert_int_equal(processes(&box, "sleep"), 1);
    reset(&box, &waited);
    assert_int_equal(waited.err.code, 0);
    assert_int_equal(waited.report.processes, 1);
    assert_int_equal(processes(&box, "sleep"), 0);
    down(&box);
}

/* ---- files and cleaning --------------------------------------------------------- */

static void files_of_any_name(void **state) {
    (void)state;
    static const char *const names[] = {"plain",
                                        "deep/er/than that",
                                        "-rf",
                                        "a\nb\n/c\n",
                                        "quote'\"$(id)`id`;&|<>*?[",
                                        "back\\slash\\0101",
                                        "caf\xc3\xa9",
                                        "latin\xe9",
                                        "/tmp/absolute"};
    char bytes[3000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    struct box box;
    up(&box, "{}");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct waited waited = put(&box, ENC_PUT_FILE, names[i], bytes, sizeof bytes);
        if (waited.err.code)
            fail_msg("%s: %s", names[i], waited.err.message);
        waited = get(&box, names[i], sizeof bytes);
        assert_int_equal(waited.err.code, 0);
        assert_int_equal(waited.got.len, sizeof bytes);
        assert_memory_equal(waited.got.data, bytes, sizeof bytes);
        enc_buf_free(&waited.got);
    }
    assert_int_equal(put(&box, ENC_PUT_FOLDER, "x/y", NULL, 0).err.code, 0);
    assert_int_equal(put(&box, ENC_PUT_FILE, "x/y/empty", "", 0).err.code, 0);
    assert_int_equal(put(&box, ENC_PUT_LINK, "x/link", "y/empty", 7).err.code, 0);
    struct waited waited = get(&box, "x/link", 10);
    assert_int_equal(waited.err.code, 0);
    assert_int_equal(waited.got.len, 0);
    enc_buf_free(&waited.got);
    assert_int_equal(get(&box, "x", 10).err.code, ENCLAVE_INVALID);
    assert_int_equal(get(&box, "none", 10).err.code, ENCLAVE_NOT_FOUND);
    assert_int_equal(put(&box, ENC_PUT_FILE, "x/y", "a", 1).err.code, ENCLAVE_INVALID);
    assert_int_equal(put(&box, ENC_PUT_FILE, "/etc/passwd", "a", 1).err.code, ENCLAVE_INVALID);
    waited = get(&box, "plain", 2999);
    assert_int_equal(waited.err.code, ENCLAVE_INVALID);
    enc_buf_free(&waited.got);
    down(&box);
}

static void a_reset_leaves_nothing(void **state) {
    (void)state;
    struct box box;
    struct ran ran;
    struct waited waited;
    up(&box, "{\"tmpfs\": {\"/sandbox/below\": \"size=1m,mode=1777\"}}");
    reset(&box, &waited);
    assert_int_equal(waited.err.code, 0);
    assert_int_equal(waited.report.processes + waited.report.files, 0);
    shell(&box,
          &ran,
          "cd /sandbox; touch -- .hidden -rf 'a\nb' below/x /tmp/t /var/tmp/v /dev/shm/s;"
          "mkdir -p d/.e/f; touch d/.e/f/g; chmod 0 d /sandbox; env -i setsid sleep 1000 >&- 2>&- &"
          "i=0; while [ $i -lt 20 ]; do env -i setsid sh -c 'while :; do sleep 1000; done' >&- "
          "2>&- & "
          "i=$((i + 1)); done; sleep 0.5",
          60);
    assert_string_equal(ran.errors, "");
    reset(&box, &waited);
    if (waited.err.code)
        fail_msg("%s", waited.err.message);
    assert_true(waited.report.processes >= 21);
    assert_int_equal(waited.report.files, 11);
    shell(&box,
          &ran,
          "find /sandbox /tmp /var/tmp /run /dev/shm -mindepth 1; stat -c %a /sandbox",
          30);
    assert_string_equal(ran.errors, "");
    assert_string_equal(ran.out, "/sandbox/below\n755\n");
    assert_int_equal(processes(&box, "sleep"), 0);
    down(&box);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_run),
        cmocka_unit_test(users_and_services),
        cmocka_unit_test(input_comes_later),
        cmocka_unit_test(much_output_is_whole),
        cmocka_unit_test(a_late_program_is_killed_inside),
        cmocka_unit_test(a_child_that_stays_does_not_hold_the_run),
        cmocka_unit_test(files_of_any_name),
        cmocka_unit_test(a_reset_leaves_nothing),
    };
    return cmocka_run_group_tests_name("driver_docker_run", tests, set_up, tear_down);
}
