/* The agent itself, as PID 1 of its own namespaces: programs, limits, streams, ends. */
#include "agent_peer.h"

#include <elf.h>

static void test_static_and_small(void **state) {
    Elf64_Ehdr head;
    Elf64_Phdr part;
    struct stat status;
    (void)state;
    int fd = open(AGENT_BINARY, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    assert_in_range(status.st_size, 1, 150 * 1024);
    assert_int_equal(read(fd, &head, sizeof head), sizeof head);
    assert_int_equal(head.e_ident[EI_CLASS], ELFCLASS64);
    for (unsigned i = 0; i < head.e_phnum; i++) {
        off_t at = (off_t)(head.e_phoff + i * head.e_phentsize);
        assert_int_equal(pread(fd, &part, sizeof part, at), sizeof part);
        assert_int_not_equal(part.p_type, PT_INTERP);
    }
    close(fd);
}

static void test_streams_and_exit_code(void **state) {
    (void)state;
    struct peer_result result = peer_shell(&peer, 1, "echo out; echo err >&2; exit 3");
    assert_string_equal(result.out.data, "out\n");
    assert_string_equal(result.err.data, "err\n");
    assert_int_equal(result.code, 3);
    assert_int_equal(result.signal, -1);
    assert_int_equal(result.limit, ENC_WIRE_LIMIT_NONE);
    assert_int_equal(result.out_total, 4);
    assert_true(result.wall > 0 && result.peak > 0);
    peer_result_free(&result);
}

static void test_signal_is_told(void **state) {
    (void)state;
    struct peer_result result = peer_shell(&peer, 1, "kill -SEGV $$");
    assert_int_equal(result.signal, SIGSEGV);
    assert_int_equal(result.code, -1);
    peer_result_free(&result);
}

static void test_rights_are_dropped(void **state) {
    (void)state;
    peer_expect_output(&peer, 1, "id -u; id -g; id -G", "65534\n65534\n65534\n");
    peer_expect_output(&peer,
                       2,
                       "grep -E '^(Cap|NoNew|SigBlk|SigIgn)' /proc/self/status | tr -d '\\n\\t'",
                       "SigBlk:0000000000000000SigIgn:0000000000000000CapInh:0000000000000000"
                       "CapPrm:0000000000000000CapEff:0000000000000000CapBnd:0000000000000000"
                       "CapAmb:0000000000000000NoNewPrivs:1");
    peer_expect_output(&peer, 3, "umask; pwd; ls /proc/self/fd | wc -l", "0022\n/mnt\n4\n");
    peer_expect_output(
        &peer, 4, "echo $GREETING $HOME; echo to-out > /dev/stdout", "hello /mnt\nto-out\n");
    peer_expect_output(&peer, 5, "cat /proc/self/oom_score_adj", "1000\n");
}

static void test_root_has_no_capability(void **state) {
    (void)state;
    struct peer_frame run =
        peer_run(1,
                 "sh",
                 "-c",
                 "id -u; grep CapEff /proc/self/status; "
                 "kill -9 1; kill -STOP 1; cat /proc/1/environ; "
                 "readlink /proc/1/fd/0; head -c 1 /proc/1/mem; readlink /proc/1/cwd",
                 NULL);
    enc_wire_put_text(&run.writer, ENC_WIRE_TAG_USER, "root");
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, 1);
    assert_string_equal(result.out.data, "0\nCapEff:\t0000000000000000\n");
    assert_int_not_equal(result.code, 0);
    peer_result_free(&result);
    peer_expect_output(&peer, 2, "echo alive", "alive\n");
}

static void test_what_cannot_start(void **state) {
    (void)state;
    struct peer_frame run = peer_run(1, "no-such-program", NULL);
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, 1);
    assert_int_equal(result.code, 127);
    assert_string_equal(result.err.data,
                        "cannot execute no-such-program: No such file or directory\n");
    peer_result_free(&result);

    run = peer_run(2, "/etc/passwd", NULL);
    peer_end(&peer, &run);
    result = peer_wait(&peer, 2);
    assert_int_equal(result.code, 126);
    assert_string_equal(result.err.data, "cannot execute /etc/passwd: Permission denied\n");
    peer_result_free(&result);

    run = peer_run(3, "true", NULL);
    enc_wire_put_text(&run.writer, ENC_WIRE_TAG_FOLDER_PATH, "/nowhere");
    peer_end(&peer, &run);
    result = peer_wait(&peer, 3);
    assert_int_equal(result.code, 126);
    assert_string_equal(result.err.data,
                        "cannot enter folder /nowhere: No such file or directory\n");
    peer_result_free(&result);

    run = peer_run(4, "true", NULL);
    enc_wire_put_text(&run.writer, ENC_WIRE_TAG_USER, "nobody-of-this-name");
    peer_end(&peer, &run);
    result = peer_wait(&peer, 4);
    assert_int_equal(result.code, 126);
    peer_result_free(&result);
}

static void test_environment_and_code(void **state) {
    static const char code[] = "echo \"$GREETING $1 $ODD\"; pwd";
    (void)state;
    struct peer_frame run = peer_run(1, "sh", "/mnt/a/b/main.sh", "x y", NULL);
    enc_wire_put_text(&run.writer, ENC_WIRE_TAG_ENV, "GREETING=bye");
    enc_wire_put_text(&run.writer, ENC_WIRE_TAG_ENV, "ODD=\n=");
    enc_wire_put_text(&run.writer, ENC_WIRE_TAG_FOLDER_PATH, "/tmp");
    enc_wire_put_text(&run.writer, ENC_WIRE_TAG_CODE_PATH, "a/b/main.sh");
    enc_wire_put_bytes(&run.writer, ENC_WIRE_TAG_CODE, code, sizeof code - 1);
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, 1);
    assert_string_equal(result.out.data, "bye x y \n=\n/tmp\n");
    peer_result_free(&result);
    peer_expect_output(&peer, 2, "stat -c %u:%a a/b/main.sh", "65534:644\n");
}

/* What was killed may take a moment to be gone; the agent and who looks stay. */
static void expect_alone(uint32_t id) {
    peer_expect_output(
        &peer, id, "until [ $(ls /proc | grep -c '^[0-9]') -le 5 ]; do sleep 0.01; done", "");
}

static void test_deadline_terminates_then_kills(void **state) {
    (void)state;
    /* The tree: a child in a session of its own, one that ignores TERM. */
    struct peer_frame run = peer_run(1,
                                     "sh",
                                     "-c",
                                     "trap 'echo term' TERM; setsid sleep 1000 & "
                                     "(trap '' TERM; sleep 1001; sleep 1002) & echo begun; "
                                     "while :; do sleep 0.01; done",
                                     NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_TIMEOUT, 300 * ENC_NS_PER_MS);
    uint64_t began = enc_now();
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, 1);
    uint64_t took = enc_now() - began;
    assert_int_equal(result.timed_out, 1);
    assert_int_equal(result.limit, ENC_WIRE_LIMIT_TIME);
    assert_int_equal(result.signal, SIGKILL);
    assert_string_equal(result.out.data, "begun\nterm\n");
    assert_true(took >= 500 * ENC_NS_PER_MS);
    assert_true(took < 10 * ENC_NS_PER_S);
    peer_result_free(&result);
    expect_alone(2);
}

/* The agent may be late, not the program: what has ended in time is not told to have not. */
static void test_a_late_agent(void **state) {
    char line[100];
    (void)state;
    struct peer_frame run = peer_run(1, "sh", "-c", "echo on; sleep 0.1; exit 3", NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_TIMEOUT, 3 * ENC_NS_PER_S);
    peer_end(&peer, &run);
    peer_expect(&peer, ENC_WIRE_OUTPUT);
    snprintf(line, sizeof line, "p=$(pgrep -P %d) && kill -STOP $p && sleep 3.5", peer.pid);
    assert_int_equal(system(line), 0);
    snprintf(line, sizeof line, "kill -CONT $(pgrep -P %d)", peer.pid);
    assert_int_equal(system(line), 0);
    struct peer_result result = peer_wait(&peer, 1);
    assert_int_equal(result.timed_out, 0);
    assert_int_equal(result.limit, ENC_WIRE_LIMIT_NONE);
    assert_int_equal(result.code, 3);
    peer_result_free(&result);
}

static void test_stop(void **state) {
    (void)state;
    struct peer_frame run = peer_run(1, "sh", "-c", "trap '' TERM; echo on; sleep 1000", NULL);
    peer_end(&peer, &run);
    peer_expect(&peer, ENC_WIRE_OUTPUT);
    peer_send(&peer, ENC_WIRE_STOP, 1, NULL, 0);
    struct peer_result result = peer_wait(&peer, 1);
    assert_int_equal(result.signal, SIGKILL);
    assert_int_equal(result.timed_out, 0);
    peer_send(&peer, ENC_WIRE_STOP, 1, NULL, 0); /* it is gone: ignored */
    peer_result_free(&result);
    peer_expect_output(&peer, 2, "echo on", "on\n");
}

static void test_background_children_do_not_hold_it(void **state) {
    (void)state;
    uint64_t began = enc_now();
    struct peer_result result = peer_shell(&peer, 1, "sleep 1000 & echo done");
    assert_string_equal(result.out.data, "done\n");
    assert_int_equal(result.code, 0);
    assert_true(enc_now() - began < 10 * ENC_NS_PER_S);
    peer_result_free(&result);
    peer_expect_output(&peer, 2, "setsid sh -c 'setsid sleep 1000 >/dev/null 2>&1 &' & wait", "");
    expect_alone(3);
}

static void test_children_may_be_kept(void **state) {
    (void)state;
    struct peer_frame run = peer_run(1, "sh", "-c", "sleep 1234 & echo $!", NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_KEEP_CHILDREN, 1);
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, 1);
    char line[64];
    snprintf(line, sizeof line, "kill -0 %d && echo lives", atoi(result.out.data));
    peer_result_free(&result);
    peer_expect_output(&peer, 2, line, "lives\n");
    peer_expect_output(&peer, 3, line, "lives\n"); /* the end of a run did not take it */
    assert_int_equal(peer_clean(&peer).killed, 1);
    peer_expect_output(&peer, 4, line, "");
}

static void test_many_at_once(void **state) {
    enum { COUNT = 60 };
    unsigned done = 0;
    bool seen[COUNT + 1] = {false};
    (void)state;
    for (uint32_t id = 1; id <= COUNT; id++) {
        char line[64];
        snprintf(line, sizeof line, "sleep 0.1; echo %u; exit %u", id, id % 7);
        struct peer_frame run = peer_run(id, "sh", "-c", line, NULL);
        peer_end(&peer, &run);
    }
    while (done < COUNT) {
        struct enc_wire_frame frame = peer_next(&peer);
        if (frame.type != ENC_WIRE_EXIT)
            continue;
        assert_in_range(frame.id, 1, COUNT);
        assert_false(seen[frame.id]);
        seen[frame.id] = true;
        assert_int_equal(enc_wire_number(&frame, ENC_WIRE_TAG_EXIT_CODE, 99), frame.id % 7);
        assert_int_equal(enc_wire_number(&frame, ENC_WIRE_TAG_OUTPUT_TOTAL, 0),
                         frame.id < 10 ? 2 : 3);
        done++;
    }
}

static void test_one_is_stopped_among_others(void **state) {
    (void)state;
    struct peer_frame run = peer_run(1, "sh", "-c", "sleep 0.5; echo survived", NULL);
    peer_end(&peer, &run);
    run = peer_run(2, "sh", "-c", "setsid sleep 1000 & sleep 1000", NULL);
    peer_end(&peer, &run);
    peer_send(&peer, ENC_WIRE_STOP, 2, NULL, 0);
    bool stopped = false;
    struct peer_result result = {.done = false};
    while (!result.done) {
        struct enc_wire_frame frame = peer_next(&peer);
        if (frame.id == 1)
            peer_take(&result, &frame);
        stopped |= frame.id == 2 && frame.type == ENC_WIRE_EXIT;
    }
    assert_true(stopped);
    assert_string_equal(result.out.data, "survived\n");
    peer_result_free(&result);
}

static void test_limits(void **state) {
    (void)state;
    struct peer_frame run = peer_run(1, "sh", "-c", "while :; do :; done", NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_CPU_SECONDS, 1);
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, 1);
    assert_int_equal(result.limit, ENC_WIRE_LIMIT_CPU);
    assert_int_equal(result.signal, SIGXCPU);
    assert_true(result.user + result.system >= 500 * ENC_NS_PER_MS);
    peer_result_free(&result);

    run = peer_run(2, "dd", "if=/dev/zero", "of=big", "bs=64k", "count=100", NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_FILE_BYTES, 1 << 20);
    peer_end(&peer, &run);
    result = peer_wait(&peer, 2);
    assert_int_equal(result.limit, ENC_WIRE_LIMIT_DISK);
    peer_result_free(&result);

    run = peer_run(3, "sh", "-c", "ulimit -n; ulimit -Hn; ulimit -c; ulimit -s", NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_OPEN_FILES, 77);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_STACK_BYTES, 1 << 20);
    peer_end(&peer, &run);
    result = peer_wait(&peer, 3);
    assert_memory_equal(result.out.data, "77\n77\n", 6);
    peer_result_free(&result);

    result = peer_shell(&peer, 4, "cat /dev/zero > full 2>/dev/null");
    assert_int_equal(result.limit, ENC_WIRE_LIMIT_DISK); /* as it is full */
    peer_result_free(&result);
    result = peer_shell(&peer, 5, "cat /dev/zero > more; code=$?; rm full more; exit $code");
    assert_int_equal(result.limit, ENC_WIRE_LIMIT_DISK); /* as it says */
    peer_result_free(&result);
    result = peer_shell(&peer, 6, "exec 3<full");
    assert_int_equal(result.limit, ENC_WIRE_LIMIT_NONE);
    peer_result_free(&result);
}

static void test_end_of_input_ends_everything(void **state) {
    (void)state;
    /* While a run goes on and its output is not taken. */
    struct peer_frame run = peer_run(1, "sh", "-c", "trap '' TERM HUP; yes", NULL);
    peer_end(&peer, &run);
    peer_expect(&peer, ENC_WIRE_OUTPUT);
    usleep(200000);
    int status = 0;
    close(peer.in);
    uint64_t began = enc_now();
    waitpid(peer.pid, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(enc_now() - began < 10 * ENC_NS_PER_S);
    close(peer.out);
    enc_buf_free(&peer.got);
    peer_start(&peer);
}

static void expect_refusal(const void *bytes, size_t len, bool greet) {
    int status = 0;
    peer_stop(&peer);
    peer_open(&peer, NULL);
    if (greet)
        peer_hello(&peer);
    peer_write(&peer, bytes, len);
    struct enc_wire_frame frame;
    while (peer_try_next(&peer, &frame))
        continue;
    waitpid(peer.pid, &status, 0);
    assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 2);
    close(peer.in);
    close(peer.out);
    enc_buf_free(&peer.got);
    peer_start(&peer);
}

static void test_hostile_frames_end_it(void **state) {
    static const uint8_t huge[ENC_WIRE_HEADER] = {0xff, 0xff, 0xff, 0xff, ENC_WIRE_RUN, 0, 0, 0, 1};
    static const uint8_t early[ENC_WIRE_HEADER] = {0, 0, 0, 0, ENC_WIRE_RESET};
    static const uint8_t empty[ENC_WIRE_HEADER] = {0, 0, 0, 0, ENC_WIRE_RUN, 0, 0, 0, 1};
    (void)state;
    expect_refusal("garbage garbage garbage", 23, false);
    expect_refusal(huge, sizeof huge, true);
    expect_refusal(early, sizeof early, true);
    expect_refusal(early, sizeof early, false);
    expect_refusal(empty, sizeof empty, true);
}

static void test_ping(void **state) {
    (void)state;
    peer_send(&peer, ENC_WIRE_PING, 77, NULL, 0);
    assert_int_equal(peer_expect(&peer, ENC_WIRE_PONG).id, 77);
}

static void test_only_as_first_process(void **state) {
    int status = 0;
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        close(2);
        execl(AGENT_BINARY, "agent", (char *)NULL);
        _exit(99);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 1);
}

int main(void) {
#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, peer_up, peer_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_static_and_small),
        cmocka_unit_test(test_only_as_first_process),
        WITH_AGENT(test_streams_and_exit_code),
        WITH_AGENT(test_signal_is_told),
        WITH_AGENT(test_rights_are_dropped),
        WITH_AGENT(test_root_has_no_capability),
        WITH_AGENT(test_what_cannot_start),
        WITH_AGENT(test_environment_and_code),
        WITH_AGENT(test_deadline_terminates_then_kills),
        WITH_AGENT(test_a_late_agent),
        WITH_AGENT(test_stop),
        WITH_AGENT(test_background_children_do_not_hold_it),
        WITH_AGENT(test_children_may_be_kept),
        WITH_AGENT(test_many_at_once),
        WITH_AGENT(test_one_is_stopped_among_others),
        WITH_AGENT(test_limits),
        WITH_AGENT(test_end_of_input_ends_everything),
        WITH_AGENT(test_hostile_frames_end_it),
        WITH_AGENT(test_ping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
