/* The agent's reset: whatever a borrower left is gone, and the agent is untouched. */
#include "agent_peer.h"

static void leave(uint32_t id, const char *line, bool keep, const char *user) {
    struct peer_frame run = peer_run(id, "sh", "-c", line, NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_KEEP_CHILDREN, keep);
    if (user)
        enc_wire_put_text(&run.writer, ENC_WIRE_TAG_USER, user);
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, id);
    assert_string_equal(result.err.data ? result.err.data : "", "");
    assert_int_equal(result.code, 0);
    peer_result_free(&result);
}

/* Nothing is found afterwards, whoever looks. */
static void expect_clean(uint32_t id) {
    struct peer_frame run =
        peer_run(id,
                 "sh",
                 "-c",
                 "find /mnt /tmp /var/tmp /dev/shm /dev/mqueue -mindepth 1; ipcs -a | grep 0x; "
                 "ls -d /proc/[0-9]* | wc -l; stat -c '%u %a %Y' /mnt /tmp",
                 NULL);
    enc_wire_put_text(&run.writer, ENC_WIRE_TAG_USER, "root");
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, id);
    /* agent, sh, sh of the pipe's ls and wc */
    char *rest = strchr(result.out.data, '\n');
    assert_non_null(rest);
    assert_in_range(atoi(result.out.data), 3, 4);
    assert_memory_equal(rest, "\n65534 755 ", 11);
    peer_result_free(&result);
}

static void test_clean(void **state) {
    (void)state;
    struct peer_reset reset = peer_clean(&peer);
    assert_string_equal(reset.failure, "");
    assert_int_equal(reset.killed + reset.removed + reset.ipc, 0);
    assert_true(reset.ns > 0);
}

static void test_files(void **state) {
    (void)state;
    leave(1,
          "for d in /mnt /tmp /var/tmp /dev/shm; do cd $d; mkdir -p .h a/b/c 'x y'; "
          "echo 1 > .h/f; echo 2 > \"$(printf 'n\\nl')\"; ln -s / root; ln -s $d/a self; "
          "mkfifo pipe; ln .h/f hard; mkdir -p locked/in; echo x > locked/in/f; "
          "chmod 000 locked/in locked; chmod 777 a; mkdir sticky; chmod 1777 sticky; "
          "echo > sticky/f; echo > -- -rf; done; chmod 000 /mnt; cd /; touch -d 2001-01-01 /mnt",
          false,
          NULL);
    struct peer_reset reset = peer_clean(&peer);
    assert_string_equal(reset.failure, "");
    assert_true(reset.removed >= 60);
    expect_clean(2);
    peer_expect_output(&peer, 3, "stat -c %Y /mnt | grep -c 978307200", "0\n");
    peer_expect_output(&peer, 4, "ls -d / /etc/passwd", "/\n/etc/passwd\n");
}

static void test_depth(void **state) {
    (void)state;
    /* Far below what a path can name. */
    leave(1,
          "d=$(printf 'dddddddd/%.0s' $(seq 100)); i=0; while [ $i -lt 30 ]; do "
          "mkdir -p $d && cd -P $d 2>/dev/null || break; echo > f; i=$((i+1)); done",
          false,
          NULL);
    struct peer_reset reset = peer_clean(&peer);
    assert_string_equal(reset.failure, "");
    assert_int_equal(reset.removed, 3030);
    expect_clean(2);
}

/* A place that has been clean for seconds is not read again, until somebody touches it. */
static void test_long_clean(void **state) {
    (void)state;
    const struct timespec seconds = {2, 200000000};
    for (uint32_t id = 1; id < 9; id += 4) {
        nanosleep(&seconds, NULL);
        struct peer_reset reset = peer_clean(&peer);
        assert_int_equal(reset.removed, 0);
        leave(id, "echo > /tmp/f; mkdir /dev/shm/d; chmod 700 /mnt; ls /var/tmp", false, NULL);
        reset = peer_clean(&peer);
        assert_string_equal(reset.failure, "");
        assert_int_equal(reset.removed, 2);
        expect_clean(id + 1);
        leave(id + 2, "echo > /tmp/f", false, NULL);
        assert_int_equal(peer_clean(&peer).removed, 1);
        expect_clean(id + 3);
    }
}

static void test_many_files(void **state) {
    (void)state;
    leave(1, "seq 1 60000 | xargs touch; mkdir -p $(seq -f 'd%g/e' 1 3000)", false, NULL);
    struct peer_reset reset = peer_clean(&peer);
    assert_string_equal(reset.failure, "");
    assert_int_equal(reset.removed, 66000);
    expect_clean(2);
}

static void test_processes(void **state) {
    (void)state;
    leave(1,
          "for i in 1 2 3 4 5; do setsid sh -c 'trap \"\" TERM HUP INT QUIT; sleep 1000' "
          "</dev/null >/dev/null 2>&1 & done; (sleep 2000 >/dev/null 2>&1 &); "
          "sleep 3000 >/dev/null 2>&1 & kill -STOP $!",
          true,
          NULL);
    struct peer_reset reset = peer_clean(&peer);
    assert_string_equal(reset.failure, "");
    assert_in_range(reset.killed, 7, 12);
    expect_clean(2);
}

/* A process whose first thread has ended looks like a zombie, and goes on. */
static const char *const first_thread_ends =
    "import ctypes, threading, time, os, sys\n"
    "if len(sys.argv) > 1 and os.fork() > 0: time.sleep(0.3); sys.exit()\n"
    "if len(sys.argv) > 1: os.setsid(); [os.close(i) for i in range(3)]\n"
    "threading.Thread(target=time.sleep, args=(1000,)).start()\n"
    "ctypes.CDLL(None).syscall(60, 0)\n";

static void test_first_threads(void **state) {
    (void)state;
    struct peer_frame run = peer_run(1, "python3", "-c", first_thread_ends, "away", NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_KEEP_CHILDREN, 1);
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, 1);
    assert_string_equal(result.err.data ? result.err.data : "", "");
    peer_result_free(&result);
    struct peer_reset reset = peer_clean(&peer);
    assert_string_equal(reset.failure, "");
    expect_clean(2);
    run = peer_run(3, "python3", "-c", first_thread_ends, NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_TIMEOUT, 500 * ENC_NS_PER_MS);
    peer_end(&peer, &run);
    result = peer_wait(&peer, 3);
    assert_true(result.timed_out && result.wall < 20 * ENC_NS_PER_S);
    peer_result_free(&result);
    expect_clean(4);
}

static void test_attributes_and_flags(void **state) {
    (void)state;
    struct peer_frame run =
        peer_run(1,
                 "python3",
                 "-c",
                 "import fcntl, os\n"
                 "for i in range(60):\n"
                 "  try: os.setxattr('/mnt', 'user.%d%s' % (i, 'x' * 200), b'secret')\n"
                 "  except OSError: pass\n"
                 "try: fcntl.ioctl(os.open('/mnt', 0), 0x40086602, bytes([0xc0]) + bytes(7))\n"
                 "except OSError: pass\n",
                 NULL);
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, 1);
    assert_string_equal(result.err.data ? result.err.data : "", "");
    peer_result_free(&result);
    /* Either they are gone, or it says that the sandbox must not be used again. */
    if (*peer_clean(&peer).failure)
        return;
    run = peer_run(2,
                   "python3",
                   "-c",
                   "import fcntl, os\n"
                   "print(os.listxattr('/mnt'))\n"
                   "try: print(fcntl.ioctl(os.open('/mnt', 0), 0x80086601, bytes(8))[0])\n"
                   "except OSError: print(0)\n",
                   NULL);
    peer_end(&peer, &run);
    result = peer_wait(&peer, 2);
    assert_string_equal(result.out.data, "[]\n0\n");
    peer_result_free(&result);
}

static void test_processes_of_root(void **state) {
    (void)state;
    leave(1,
          "setsid sleep 1000 >/dev/null 2>&1 & echo x > /tmp/of-root; chmod 0 /tmp/of-root",
          true,
          "root");
    struct peer_reset reset = peer_clean(&peer);
    assert_string_equal(reset.failure, "");
    assert_true(reset.killed >= 1 && reset.removed == 1);
    expect_clean(2);
}

static void test_what_multiplies(void **state) {
    (void)state;
    struct peer_frame run =
        peer_run(1, "sh", "-c", "f() { setsid sh -c \"$0\" \"$0\" & f & f; }; f 2>/dev/null", NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_PROCESSES, 200);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_TIMEOUT, 500 * ENC_NS_PER_MS);
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, 1);
    assert_true(result.wall < 20 * ENC_NS_PER_S);
    peer_result_free(&result);
    struct peer_reset reset = peer_clean(&peer);
    assert_string_equal(reset.failure, "");
    expect_clean(2);
}

/* Its dead do not keep the agent from its deadline, and another run goes on beside it. */
static void test_what_multiplies_beside_another(void **state) {
    (void)state;
    struct peer_frame other = peer_run(1, "sh", "-c", "read line; echo $line", NULL);
    enc_wire_put_number(&other.writer, ENC_WIRE_TAG_STDIN_OPEN, 1);
    peer_end(&peer, &other);
    struct peer_frame run =
        peer_run(2, "sh", "-c", "f() { (true & f) & f & }; f 2>/dev/null; sleep 1000", NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_PROCESSES, 200);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_TIMEOUT, 500 * ENC_NS_PER_MS);
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, 2);
    assert_true(result.wall < 20 * ENC_NS_PER_S);
    peer_result_free(&result);
    peer_send(&peer, ENC_WIRE_INPUT, 1, "on\n", 3);
    result = peer_wait(&peer, 1);
    assert_string_equal(result.out.data, "on\n");
    peer_result_free(&result);
    assert_string_equal(peer_clean(&peer).failure, "");
    expect_clean(3);
}

static void test_system_v(void **state) {
    (void)state;
    leave(1,
          "ipcmk -M 4096 -p 0600 >/dev/null; ipcmk -S 3 >/dev/null; ipcmk -Q >/dev/null; "
          "ipcmk -Q -p 0 >/dev/null",
          false,
          NULL);
    leave(2, "ipcmk -M 4096 -p 0600 >/dev/null", false, "root");
    leave(3, "ipcmk -S 1 >/dev/null", false, "1234:1234");
    struct peer_reset reset = peer_clean(&peer);
    assert_string_equal(reset.failure, "");
    assert_int_equal(reset.ipc, 6);
    assert_int_equal(peer_clean(&peer).ipc, 0);
    expect_clean(4);
}

/* Where the host allows namespaces, each run has its own: nothing to find, nobody to meet. */
static void test_namespaces(void **state) {
    (void)state;
    const char *leaves = "ipcmk -M 4096 >/dev/null; ipcmk -Q >/dev/null; ipcs -a | grep -c 0x;"
                         "stat -c '%u %g' /etc/passwd /mnt; grep -c Cap.*0000$ /proc/self/status;"
                         "id -u";
    const char *expected = "2\n0 0\n65534 65534\n5\n65534\n";
    for (uint32_t id = 1; id <= 2; id++) {
        struct peer_result result = peer_shell(&peer, id, leaves);
        assert_int_equal(result.isolation, ENC_WIRE_ISOLATION_NAMESPACES);
        assert_string_equal(result.out.data, expected);
        peer_result_free(&result);
    }
    struct peer_reset reset = peer_clean(&peer);
    assert_string_equal(reset.failure, "");
    assert_int_equal(reset.ipc, 0);
    expect_clean(3);
}

static void test_mount_points_stay(void **state) {
    (void)state;
    /* As a volume of the user's inside a place; made from outside, by the agent's parent. */
    peer_expect_output(&peer, 1, "mkdir -p volume/of; echo x > volume/of/file; echo y > other", "");
    char line[200];
    snprintf(line,
             sizeof line,
             "nsenter -t $(pgrep -P %d) -m mount --bind /mnt/volume/of /mnt/volume/of",
             peer.pid);
    assert_int_equal(system(line), 0);
    struct peer_reset reset = peer_clean(&peer);
    assert_string_equal(reset.failure, "");
    assert_int_equal(reset.removed, 1);
    peer_expect_output(&peer, 2, "ls; ls volume/of", "volume\nfile\n");
}

static void test_a_reset_ends_what_runs(void **state) {
    (void)state;
    struct peer_frame run = peer_run(1, "sh", "-c", "echo on; trap '' TERM; sleep 1000", NULL);
    peer_end(&peer, &run);
    peer_expect(&peer, ENC_WIRE_OUTPUT);
    peer_send(&peer, ENC_WIRE_RESET, 0, NULL, 0);
    struct peer_result result = peer_wait(&peer, 1);
    assert_int_equal(result.signal, SIGKILL);
    peer_result_free(&result);
    peer_expect(&peer, ENC_WIRE_CLEANED);
    expect_clean(2);
}

static void test_the_service_survives(void **state) {
    (void)state;
    peer_stop(&peer);
    peer_open(&peer, NULL);
    peer_hello(&peer);
    struct peer_frame config = peer_config("65534:65534");
    enc_wire_put_text(&config.writer, ENC_WIRE_TAG_ARG, "sh");
    enc_wire_put_text(&config.writer, ENC_WIRE_TAG_ARG, "-c");
    enc_wire_put_text(&config.writer, ENC_WIRE_TAG_ARG, "sleep 5555; true");
    peer_end(&peer, &config);
    peer_expect(&peer, ENC_WIRE_READY);
    struct peer_reset reset = peer_clean(&peer);
    assert_string_equal(reset.failure, "");
    assert_int_equal(reset.killed, 0);
    leave(1, "sleep 1000 >/dev/null 2>&1 &", false, NULL);
    const char *kill_it = "until pid=$(pgrep -f '^sleep 5555'); do sleep 0.01; done; kill -9 $pid";
    struct peer_frame run = peer_run(2, "sh", "-c", kill_it, NULL);
    peer_end(&peer, &run);
    bool told = false, ended = false; /* in any order */
    while (!told || !ended) {
        struct enc_wire_frame frame = peer_next(&peer);
        ended |= frame.type == ENC_WIRE_EXIT;
        if (frame.type != ENC_WIRE_SERVICE)
            continue;
        assert_int_equal(enc_wire_number(&frame, ENC_WIRE_TAG_EXIT_CODE, 99), 0);
        told = true;
    }
}

int main(void) {
#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, peer_up, peer_down)
    const struct CMUnitTest tests[] = {
        WITH_AGENT(test_clean),
        WITH_AGENT(test_files),
        WITH_AGENT(test_depth),
        WITH_AGENT(test_long_clean),
        WITH_AGENT(test_many_files),
        WITH_AGENT(test_processes),
        WITH_AGENT(test_first_threads),
        WITH_AGENT(test_attributes_and_flags),
        WITH_AGENT(test_processes_of_root),
        WITH_AGENT(test_what_multiplies),
        WITH_AGENT(test_what_multiplies_beside_another),
        WITH_AGENT(test_system_v),
        cmocka_unit_test_setup_teardown(test_namespaces, peer_up_apart, peer_down),
        WITH_AGENT(test_mount_points_stay),
        WITH_AGENT(test_a_reset_ends_what_runs),
        WITH_AGENT(test_the_service_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
