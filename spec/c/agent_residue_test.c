/* The agent: what a borrower could leave that is neither a process nor a file: in what the kernel
 * keeps of descriptors, folders, keys and memory. */
#include "agent_peer.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/shm.h>
#include <sys/syscall.h>

static void python(uint32_t id, const char *code, const char *out) {
    struct peer_frame run = peer_run(id, "python3", "-c", code, NULL);
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, id);
    assert_string_equal(result.err.data ? result.err.data : "", "");
    assert_string_equal(result.out.data ? result.out.data : "", out);
    peer_result_free(&result);
}

/* Programs without input must not have one description of /dev/null in common. */
static void test_flags_and_locks_of_no_input(void **state) {
    (void)state;
    python(1,
           "import fcntl, os\n"
           "fcntl.flock(0, fcntl.LOCK_EX)\n"
           "fcntl.fcntl(0, fcntl.F_SETFL, os.O_NONBLOCK | os.O_APPEND)\n",
           "");
    assert_string_equal(peer_clean(&peer).failure, "");
    python(2,
           "import fcntl, os\n"
           "fcntl.flock(os.open('/dev/null', os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
           "print(fcntl.fcntl(0, fcntl.F_GETFL) == fcntl.fcntl(os.open('/dev/null', os.O_RDWR),\n"
           "  fcntl.F_GETFL), os.readlink('/proc/self/fd/0'))\n",
           "True /dev/null\n");
}

static void test_a_place_by_another_name(void **state) {
    (void)state;
    peer_expect_output(&peer, 1, "echo x > /srv/link/left; ls /srv/real", "left\n");
    struct peer_reset reset = peer_clean(&peer);
    assert_string_equal(reset.failure, "");
    assert_int_equal(reset.removed, 1);
    peer_expect_output(&peer, 2, "ls -A /srv/real; readlink /srv/link", "real\n");
}

/* Who is root of a user namespace of its own may set this for a folder of its own. */
static void test_capabilities_of_a_folder(void **state) {
    (void)state;
    python(1,
           "import ctypes, os, struct\n"
           "maps = ('setgroups', 'deny'), ('uid_map', '0 65534 1'), ('gid_map', '0 65534 1')\n"
           "if ctypes.CDLL(None).unshare(0x10000000) == 0:\n"
           "  for name, text in maps: open('/proc/self/' + name, 'w').write(text)\n"
           "  os.setxattr('/mnt', 'security.capability', struct.pack('<5I', 1 << 25, 1, 0, 0, 0))\n"
           "print(os.listxattr('/mnt'))\n",
           "['security.capability']\n");
    assert_string_equal(peer_clean(&peer).failure, "");
    python(2, "import os\nprint(os.listxattr('/mnt'))\n", "[]\n");
}

/* A keyring that nobody may write to could not be cleared. */
static void test_keys_that_cannot_be_removed(void **state) {
    static const char leave[] = "import ctypes\n"
                                "c = ctypes.CDLL(None)\n"
                                "for ring in (-4, -5):\n"
                                "  c.syscall(%d, b'user', b'left', b'x', 1, ring)\n"
                                "  c.syscall(%d, 5, ring, 0x0b0b0000)\n";
    static const char look[] = "import ctypes\n"
                               "c = ctypes.CDLL(None)\n"
                               "print([c.syscall(%d, 10, ring, b'user', b'left', 0) > 0\n"
                               "  for ring in (-4, -5)])\n";
    char code[400];
    (void)state;
    snprintf(code, sizeof code, leave, SYS_add_key, SYS_keyctl);
    python(1, code, "");
    assert_string_equal(peer_clean(&peer).failure, "");
    snprintf(code, sizeof code, look, SYS_keyctl);
    python(2, code, "[False, False]\n");
}

/* Kernels before 4.17, and some in user space, show nobody's memory but one's own. */
static void hide_memory(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_shmctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SHM_STAT_ANY, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        _exit(96);
}

static int start_without_sight(void **state) {
    peer_before = hide_memory;
    int result = peer_up(state);
    peer_before = NULL;
    return result;
}

static void test_memory_that_is_not_seen(void **state) {
    (void)state;
    assert_string_equal(peer_clean(&peer).failure, "");
    peer_expect_output(&peer, 1, "ipcmk -M 4096 > /dev/null", "");
    assert_string_equal(peer_clean(&peer).failure, "a System V object is left");
}

/* Where the agent cannot look, it does not say that nothing is there. */
static void test_processes_that_are_not_seen(void **state) {
    (void)state;
    struct peer_frame run = peer_run(1,
                                     "python3",
                                     "-c",
                                     "import os, resource\n"
                                     "if os.fork() == 0:\n"
                                     "  os.setsid(); os.execlp('sleep', 'sleep', '1000')\n"
                                     "resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3))\n",
                                     NULL);
    enc_wire_put_text(&run.writer, ENC_WIRE_TAG_USER, "0:0");
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_KEEP_CHILDREN, 1);
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, 1);
    assert_string_equal(result.err.data ? result.err.data : "", "");
    peer_result_free(&result);
    assert_string_equal(peer_clean(&peer).failure, "/proc cannot be read");
}

/* What is written as root is looked for as what runs as root is. */
static void test_what_root_wrote(void **state) {
    (void)state;
    peer_stop(&peer);
    peer_open(&peer, NULL);
    peer_hello(&peer);
    struct peer_frame frame = peer_config("root");
    peer_end(&peer, &frame);
    peer_expect(&peer, ENC_WIRE_READY);
    assert_string_equal(peer_clean(&peer).failure, "");
    frame = peer_begin(ENC_WIRE_PUT, 1);
    enc_wire_put_text(&frame.writer, ENC_WIRE_TAG_PATH, "/proc/self/oom_score_adj");
    peer_end(&peer, &frame);
    peer_send(&peer, ENC_WIRE_DATA, 1, "1000", 4);
    peer_send(&peer, ENC_WIRE_PUT_END, 1, NULL, 0);
    peer_expect(&peer, ENC_WIRE_DONE);
    assert_string_not_equal(peer_clean(&peer).failure, "");
}

int main(void) {
#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, peer_up, peer_down)
#define WITH_APART(test) cmocka_unit_test_setup_teardown(test, peer_up_apart, peer_down)
    const struct CMUnitTest tests[] = {
        WITH_AGENT(test_flags_and_locks_of_no_input),
        WITH_AGENT(test_a_place_by_another_name),
        WITH_AGENT(test_processes_that_are_not_seen),
        WITH_AGENT(test_what_root_wrote),
        WITH_APART(test_capabilities_of_a_folder),
        WITH_APART(test_keys_that_cannot_be_removed),
        cmocka_unit_test_setup_teardown(
            test_memory_that_is_not_seen, start_without_sight, peer_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
