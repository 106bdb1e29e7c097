/* The agent: output with its cap, back-pressure, input, files in and out. */
#include "agent_peer.h"

static void test_all_of_a_large_output(void **state) {
    (void)state;
    struct peer_result result = peer_shell(&peer, 1, "head -c 20000000 /dev/zero | tr '\\0' x");
    assert_int_equal(result.out.len, 20000000);
    assert_int_equal(result.out_total, 20000000);
    assert_int_equal(strspn(result.out.data, "x"), 20000000);
    peer_result_free(&result);
}

static void test_the_middle_is_left_out(void **state) {
    (void)state;
    struct peer_frame run = peer_run(1, "sh", "-c", "seq 1 2000000; echo oops >&2", NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_MAX_OUTPUT, 1000);
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, 1);
    assert_int_equal(result.out_total, 14888896);
    assert_int_equal(result.out.len, 1500);
    assert_memory_equal(result.out.data, "1\n2\n3\n", 6);
    assert_string_equal(result.out.data + 1500 - 16, "1999999\n2000000\n");
    assert_string_equal(result.err.data, "oops\n");
    peer_result_free(&result);

    run = peer_run(2, "sh", "-c", "printf 0123456789", NULL); /* just over the cap */
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_MAX_OUTPUT, 8);
    peer_end(&peer, &run);
    result = peer_wait(&peer, 2);
    assert_string_equal(result.out.data, "0123456789");
    peer_result_free(&result);

    run = peer_run(3, "sh", "-c", "printf x", NULL); /* a tail of no byte */
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_MAX_OUTPUT, 1);
    peer_end(&peer, &run);
    result = peer_wait(&peer, 3);
    assert_string_equal(result.out.data, "x");
    peer_result_free(&result);
}

static void test_a_paused_run_waits_and_others_go_on(void **state) {
    (void)state;
    struct peer_frame run =
        peer_run(1, "sh", "-c", "head -c 3000000 /dev/zero; echo end >&2", NULL);
    peer_end(&peer, &run);
    peer_send(&peer, ENC_WIRE_PAUSE, 1, NULL, 0);
    run = peer_run(2, "sh", "-c", "sleep 0.3; echo other", NULL);
    peer_end(&peer, &run);
    struct peer_result paused = {.done = false}, other = {.done = false};
    while (!other.done) {
        struct enc_wire_frame frame = peer_next(&peer);
        peer_take(frame.id == 1 ? &paused : &other, &frame);
    }
    assert_string_equal(other.out.data, "other\n");
    assert_false(paused.done);
    assert_true(paused.out.len < 3000000);
    peer_send(&peer, ENC_WIRE_RESUME, 1, NULL, 0);
    while (!paused.done) {
        struct enc_wire_frame frame = peer_next(&peer);
        peer_take(&paused, &frame);
    }
    assert_int_equal(paused.out.len, 3000000);
    assert_string_equal(paused.err.data, "end\n");
    peer_result_free(&paused);
    peer_result_free(&other);
}

static void test_an_engine_that_does_not_read_keeps_no_deadline_up(void **state) {
    (void)state;
    struct peer_frame run = peer_run(1, "yes", NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_TIMEOUT, 200 * ENC_NS_PER_MS);
    peer_end(&peer, &run);
    usleep(1500000); /* nothing is read meanwhile */
    uint64_t began = enc_now();
    struct peer_result result = peer_wait(&peer, 1);
    assert_int_equal(result.timed_out, 1);
    assert_true(result.wall < 1400 * ENC_NS_PER_MS);
    assert_true(enc_now() - began < 10 * ENC_NS_PER_S);
    peer_result_free(&result);
}

/* What kept children write later is lost, and they are not. */
static void test_kept_children_may_write_on(void **state) {
    (void)state;
    struct peer_frame run =
        peer_run(1,
                 "sh",
                 "-c",
                 "(until [ -e go ]; do sleep 0.01; done; seq 100000 && seq 9 >&2 && echo > on)&",
                 NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_KEEP_CHILDREN, 1);
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, 1);
    assert_int_equal(result.code, 0);
    peer_result_free(&result);
    peer_expect_output(&peer, 2, "echo > go; until [ -e on ]; do sleep 0.01; done; ls", "go\non\n");
    assert_string_equal(peer_clean(&peer).failure, "");
    peer_expect_output(&peer, 3, "ls", "");
}

static void test_input(void **state) {
    (void)state;
    struct peer_frame run = peer_run(1, "sh", "-c", "cat; echo; cat", NULL);
    enc_wire_put_bytes(&run.writer, ENC_WIRE_TAG_STDIN, "given", 5);
    peer_end(&peer, &run);
    struct peer_result result = peer_wait(&peer, 1);
    assert_string_equal(result.out.data, "given\n");
    peer_result_free(&result);

    peer_expect_output(&peer, 2, "cat; readlink /proc/self/fd/0", "/dev/null\n");
    run = peer_run(3, "cat", NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_STDIN_OPEN, 1);
    peer_end(&peer, &run);
    peer_send(&peer, ENC_WIRE_INPUT, 3, "one", 3);
    struct enc_wire_frame frame = peer_expect(&peer, ENC_WIRE_OUTPUT);
    assert_int_equal(frame.len, 3);
    peer_send(&peer, ENC_WIRE_INPUT_END, 3, NULL, 0);
    result = peer_wait(&peer, 3);
    assert_int_equal(result.code, 0);
    peer_result_free(&result);
}

static void test_input_within_its_window(void **state) {
    enum { TOTAL = 3 << 20 };
    static char bytes[32768];
    uint64_t sent = 0, credited = 0;
    (void)state;
    struct peer_frame run = peer_run(1, "sh", "-c", "sleep 0.3; wc -c", NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_STDIN_OPEN, 1);
    peer_end(&peer, &run);
    struct peer_result result = {.done = false};
    while (!result.done) {
        while (sent < TOTAL && sent - credited + sizeof bytes <= ENC_WIRE_WINDOW) {
            peer_send(&peer, ENC_WIRE_INPUT, 1, bytes, sizeof bytes);
            sent += sizeof bytes;
            if (sent == TOTAL)
                peer_send(&peer, ENC_WIRE_INPUT_END, 1, NULL, 0);
        }
        struct enc_wire_frame frame = peer_next(&peer);
        if (frame.type == ENC_WIRE_CREDIT)
            credited += enc_wire_number(&frame, ENC_WIRE_TAG_BYTE_COUNT, 0);
        peer_take(&result, &frame);
    }
    assert_string_equal(result.out.data, "3145728\n");
    assert_int_equal(credited, sent);
    peer_result_free(&result);
}

static void test_input_that_nobody_reads(void **state) {
    static char bytes[65536];
    (void)state;
    struct peer_frame run = peer_run(1, "sh", "-c", "exec <&-; sleep 0.2; echo done", NULL);
    enc_wire_put_number(&run.writer, ENC_WIRE_TAG_STDIN_OPEN, 1);
    peer_end(&peer, &run);
    for (int i = 0; i < 4; i++)
        peer_send(&peer, ENC_WIRE_INPUT, 1, bytes, sizeof bytes);
    struct peer_result result = peer_wait(&peer, 1);
    assert_string_equal(result.out.data, "done\n");
    peer_result_free(&result);
    peer_send(&peer, ENC_WIRE_INPUT, 1, bytes, sizeof bytes); /* too late: ignored */
    peer_expect_output(&peer, 2, "echo on", "on\n");
}

/* ---- files ---------------------------------------------------------------------- */

static uint64_t done(uint32_t id) {
    struct enc_wire_frame frame = peer_expect(&peer, ENC_WIRE_DONE);
    assert_int_equal(frame.id, id);
    return enc_wire_number(&frame, ENC_WIRE_TAG_FAILURE, ENC_WIRE_OK);
}

static uint64_t put(uint32_t id, const char *path, unsigned mode, const void *bytes, size_t len) {
    struct peer_frame frame = peer_begin(ENC_WIRE_PUT, id);
    enc_wire_put_text(&frame.writer, ENC_WIRE_TAG_PATH, path);
    enc_wire_put_number(&frame.writer, ENC_WIRE_TAG_MODE, mode);
    peer_end(&peer, &frame);
    for (const char *at = bytes; len > 0;) {
        size_t piece = len < ENC_WIRE_DATA_MAX ? len : ENC_WIRE_DATA_MAX;
        peer_send(&peer, ENC_WIRE_DATA, id, at, piece);
        at += piece;
        len -= piece;
    }
    peer_send(&peer, ENC_WIRE_PUT_END, id, NULL, 0);
    return done(id);
}

static uint64_t ask(enum enc_wire_type type, uint32_t id, const char *path, const char *target) {
    struct peer_frame frame = peer_begin(type, id);
    enc_wire_put_text(&frame.writer, ENC_WIRE_TAG_PATH, path);
    if (target)
        enc_wire_put_text(&frame.writer, ENC_WIRE_TAG_TARGET, target);
    peer_end(&peer, &frame);
    return type == ENC_WIRE_GET ? 0 : done(id);
}

static uint64_t get(uint32_t id, const char *path, uint64_t max, struct enc_buf *got) {
    struct peer_frame request = peer_begin(ENC_WIRE_GET, id);
    enc_wire_put_text(&request.writer, ENC_WIRE_TAG_PATH, path);
    enc_wire_put_number(&request.writer, ENC_WIRE_TAG_MAX_BYTES, max);
    peer_end(&peer, &request);
    for (;;) {
        struct enc_wire_frame frame = peer_next(&peer);
        assert_int_equal(frame.id, id);
        if (frame.type == ENC_WIRE_DONE)
            return enc_wire_number(&frame, ENC_WIRE_TAG_FAILURE, ENC_WIRE_OK);
        assert_int_equal(frame.type, ENC_WIRE_FILE);
        assert_true(enc_buf_append(got, frame.body, frame.len));
    }
}

static void test_files_there_and_back(void **state) {
    static const char odd[] = "a \xff\n'\"$(id)\x01/b";
    struct enc_buf got = {0};
    char *big = malloc(5000001);
    (void)state;
    for (size_t i = 0; i < 5000001; i++)
        big[i] = (char)(i * 31 >> 3);
    assert_int_equal(put(1, "big", 0600, big, 5000001), ENC_WIRE_OK);
    assert_int_equal(get(2, "/mnt/big", UINT64_MAX, &got), ENC_WIRE_OK);
    assert_int_equal(got.len, 5000001);
    assert_memory_equal(got.data, big, got.len);
    enc_buf_free(&got);
    free(big);
    assert_int_equal(put(3, odd, 0755, "x", 1), ENC_WIRE_OK);
    assert_int_equal(get(4, odd, 1, &got), ENC_WIRE_OK);
    assert_int_equal(got.len, 1);
    enc_buf_free(&got);
    assert_int_equal(put(5, "empty", 0644, "", 0), ENC_WIRE_OK);
    assert_int_equal(get(6, "empty", 0, &got), ENC_WIRE_OK);
    assert_int_equal(got.len, 0);
    peer_expect_output(&peer,
                       7,
                       "stat -c %u:%g:%a big empty a*/b",
                       "65534:65534:600\n65534:65534:644\n65534:65534:755\n");
    assert_int_equal(put(8, "big", 0644, "short", 5), ENC_WIRE_OK); /* emptied first */
    peer_expect_output(&peer, 9, "cat big", "short");
}

static void test_files_that_cannot_be(void **state) {
    char name[300];
    struct enc_buf got = {0};
    (void)state;
    memset(name, 'n', 299);
    name[299] = '\0';
    assert_int_equal(get(1, "nothing", 10, &got), ENC_WIRE_NOT_FOUND);
    assert_int_equal(put(2, "/etc/passwd", 0644, "x", 1), ENC_WIRE_INVALID);
    assert_int_equal(get(3, "/etc/shadow", 100000, &got), ENC_WIRE_INVALID);
    assert_int_equal(put(4, "/mnt", 0644, "x", 1), ENC_WIRE_INVALID);
    assert_int_equal(put(5, name, 0644, "x", 1), ENC_WIRE_INVALID);
    assert_int_equal(get(6, "/dev/zero", 10, &got), ENC_WIRE_INVALID);
    peer_expect_output(&peer,
                       7,
                       "mkfifo fifo; ln -s /etc/shadow secret; ln -s /proc/1/mem mem; "
                       "ln -s /proc/self/fd/1 out; head -c 3000 /dev/zero > three",
                       "");
    assert_int_equal(get(8, "fifo", 10, &got), ENC_WIRE_INVALID);
    assert_int_equal(put(9, "fifo", 0644, "x", 1), ENC_WIRE_INVALID);
    assert_int_equal(get(10, "secret", 100000, &got), ENC_WIRE_INVALID);
    assert_int_equal(put(11, "secret", 0644, "x", 1), ENC_WIRE_INVALID);
    assert_int_equal(get(12, "mem", 100000, &got), ENC_WIRE_INVALID);
    assert_int_equal(put(13, "out", 0644, "x", 1), ENC_WIRE_INVALID);
    assert_int_equal(get(14, "three", 2999, &got), ENC_WIRE_INVALID);
    assert_int_equal(got.len, 0);
    peer_expect_output(&peer, 15, "echo on", "on\n");
}

static void test_a_full_disk(void **state) {
    (void)state;
    size_t len = 80u << 20; /* the folder has 64 MiB */
    char *bytes = calloc(1, len);
    struct peer_frame frame = peer_begin(ENC_WIRE_PUT, 1);
    enc_wire_put_text(&frame.writer, ENC_WIRE_TAG_PATH, "big");
    peer_end(&peer, &frame);
    for (size_t at = 0; at < len; at += ENC_WIRE_DATA_MAX)
        peer_send(&peer, ENC_WIRE_DATA, 1, bytes + at, ENC_WIRE_DATA_MAX);
    peer_send(&peer, ENC_WIRE_PUT_END, 1, NULL, 0);
    assert_int_equal(done(1), ENC_WIRE_EXHAUSTED); /* and only once */
    free(bytes);
    peer_expect_output(&peer, 2, "rm big; echo on", "on\n");
}

static void test_folders_and_links(void **state) {
    (void)state;
    assert_int_equal(ask(ENC_WIRE_FOLDER, 1, "a/b/c", NULL), ENC_WIRE_OK);
    assert_int_equal(ask(ENC_WIRE_FOLDER, 2, "a/b/c", NULL), ENC_WIRE_OK);
    assert_int_equal(ask(ENC_WIRE_LINK, 3, "a/l/link", "../b"), ENC_WIRE_OK);
    assert_int_equal(ask(ENC_WIRE_LINK, 4, "a/l/link", "../b/c"), ENC_WIRE_OK);
    assert_int_equal(put(5, "file", 0644, "", 0), ENC_WIRE_OK);
    assert_int_equal(ask(ENC_WIRE_FOLDER, 6, "file", NULL), ENC_WIRE_INVALID);
    assert_int_equal(ask(ENC_WIRE_FOLDER, 7, "/etc/x", NULL), ENC_WIRE_INVALID);
    peer_expect_output(&peer, 8, "readlink a/l/link; stat -c %u:%a a/b/c", "../b/c\n65534:755\n");
}

static void test_a_transfer_is_given_up(void **state) {
    (void)state;
    struct peer_frame frame = peer_begin(ENC_WIRE_PUT, 1);
    enc_wire_put_text(&frame.writer, ENC_WIRE_TAG_PATH, "half");
    peer_end(&peer, &frame);
    peer_send(&peer, ENC_WIRE_DATA, 1, "half", 4);
    peer_send(&peer, ENC_WIRE_STOP, 1, NULL, 0);
    peer_send(&peer, ENC_WIRE_DATA, 1, "more", 4); /* on its way already */
    assert_int_not_equal(done(1), ENC_WIRE_OK);
    peer_expect_output(&peer, 2, "cat half", "half");
}

int main(void) {
#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, peer_up, peer_down)
    const struct CMUnitTest tests[] = {
        WITH_AGENT(test_all_of_a_large_output),
        WITH_AGENT(test_the_middle_is_left_out),
        WITH_AGENT(test_a_paused_run_waits_and_others_go_on),
        WITH_AGENT(test_an_engine_that_does_not_read_keeps_no_deadline_up),
        WITH_AGENT(test_kept_children_may_write_on),
        WITH_AGENT(test_input),
        WITH_AGENT(test_input_within_its_window),
        WITH_AGENT(test_input_that_nobody_reads),
        WITH_AGENT(test_files_there_and_back),
        WITH_AGENT(test_files_that_cannot_be),
        WITH_AGENT(test_a_full_disk),
        WITH_AGENT(test_folders_and_links),
        WITH_AGENT(test_a_transfer_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
