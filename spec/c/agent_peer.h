/* agent_peer.h - the engine's end of the frames, for tests: starts the real agent as PID 1
 * of namespaces of its own (pid, mount, ipc, net; its temp places are fresh tmpfs) and speaks
 * to it, blocking, with a limit. Needs root. */
#ifndef SPEC_AGENT_PEER_H
#define SPEC_AGENT_PEER_H

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <mntent.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "buf.h"
#include "deadline.h"
#include "wire.h"

#define PEER_WORK  "/mnt"
#define PEER_LIMIT (30 * ENC_NS_PER_S) /* a test that waits longer has failed */

struct peer {
    pid_t pid;
    int in, out; /* in: the agent's standard input, out: where frames come from */
    int frames;  /* where frames go: in, or the socket */
    struct enc_buf got;
    size_t taken; /* of got: the last frame */
    struct enc_wire_peer wire;
};

struct peer_result {
    struct enc_buf out, err;
    bool done;
    int64_t code, signal; /* -1: none */
    uint64_t timed_out, limit, wall, user, system, peak, out_total, err_total, oom, isolation;
};

/* What others mount and remove on this machine must not change under the agent: the kernel
 * takes a mount away everywhere when the folder under it is removed. */
static inline bool peer_detach_others(void) {
    FILE *table = setmntent("/proc/mounts", "r");
    struct mntent *entry;
    while (table && (entry = getmntent(table))) {
        const char *at = entry->mnt_dir;
        if (strcmp(at, "/") != 0 && strncmp(at, "/proc", 5) != 0 && strncmp(at, "/dev", 4) != 0 &&
            strncmp(at, "/sys", 4) != 0)
            umount2(at, MNT_DETACH);
    }
    return table && endmntent(table) == 1;
}

/* Without this right the agent cannot make namespaces, as in most containers. */
static bool peer_has_namespaces __attribute__((unused));
/* In its process, before it is executed. */
static void (*peer_before)(void) __attribute__((unused));

/* A place that is a link in the image. */
static inline bool peer_make_link(void) {
    return mount("tmpfs", "/srv", "tmpfs", 0, "mode=755,size=1m") == 0 &&
           mkdir("/srv/real", 0777) == 0 && chmod("/srv/real", 0777) == 0 &&
           symlink("real", "/srv/link") == 0;
}

static inline void peer_child(int in, int out, const char *socket_path) {
    static const char *const places[] = {PEER_WORK, "/tmp", "/var/tmp", "/dev/shm"};
    int status = 0;
    int binary = open(AGENT_BINARY, O_RDONLY | O_CLOEXEC); /* its folder may be covered below */
    if (binary < 0 || unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET) < 0)
        _exit(90);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("proc", "/proc", "proc", 0, NULL) < 0 || !peer_detach_others())
            _exit(91);
        for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
            const char *mode = i == 0 ? "mode=755,size=64m" : "mode=1777,size=64m";
            if (mount("tmpfs", places[i], "tmpfs", 0, mode) < 0)
                _exit(92);
        }
        mkdir("/dev/mqueue", 01777);
        if (!peer_make_link() || mount("mqueue", "/dev/mqueue", "mqueue", 0, NULL) < 0)
            _exit(93);
        if (!peer_has_namespaces)
            prctl(PR_CAPBSET_DROP, CAP_SETFCAP, 0, 0, 0);
        dup2(in, 0);
        dup2(out, 1);
        if (peer_before)
            peer_before();
        setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
        char *const argv[] = {(char *)(uintptr_t) "agent", (char *)(uintptr_t)socket_path, NULL};
        fexecve(binary, argv, environ);
        _exit(94);
    }
    close(in);
    close(out);
    waitpid(pid, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 95);
}

static inline void peer_open(struct peer *peer, const char *socket_path) {
    int in[2], out[2];
    signal(SIGPIPE, SIG_IGN);
    memset(peer, 0, sizeof *peer);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    peer->pid = fork();
    assert_true(peer->pid >= 0);
    if (peer->pid == 0) {
        close(in[1]); /* else it would never end */
        close(out[0]);
        peer_child(in[0], out[1], socket_path);
    }
    close(in[0]);
    close(out[1]);
    peer->in = peer->frames = in[1];
    peer->out = out[0];
    peer->wire.way = ENC_WIRE_TO_ENGINE;
}

static inline void peer_write(struct peer *peer, const void *bytes, size_t len) {
    const char *at = bytes;
    while (len > 0) {
        ssize_t sent = write(peer->frames, at, len);
        if (sent < 0 && errno == EINTR)
            continue;
        assert_true(sent > 0);
        at += sent;
        len -= (size_t)sent;
    }
}

static inline void peer_send(
    struct peer *peer, enum enc_wire_type type, uint32_t id, const void *bytes, size_t len) {
    uint8_t header[ENC_WIRE_HEADER];
    enc_wire_header(header, type, id, len);
    peer_write(peer, header, sizeof header);
    peer_write(peer, bytes, len);
}

/* A frame that is being written; 4 MiB are enough for any. */
struct peer_frame {
    struct enc_wire_writer writer;
    uint8_t *bytes;
};

static inline struct peer_frame peer_begin(enum enc_wire_type type, uint32_t id) {
    struct peer_frame frame = {.bytes = malloc(4u << 20)};
    assert_non_null(frame.bytes);
    enc_wire_begin(&frame.writer, frame.bytes, 4u << 20, type, id);
    return frame;
}

static inline void peer_end(struct peer *peer, struct peer_frame *frame) {
    assert_true(enc_wire_end(&frame->writer));
    peer_write(peer, frame->bytes, frame->writer.len);
    free(frame->bytes);
}

/* The next frame, or false when the agent has ended. */
static inline bool peer_try_next(struct peer *peer, struct enc_wire_frame *frame) {
    const char *reason = NULL;
    size_t need = 0;
    uint64_t deadline = enc_deadline_in(PEER_LIMIT);
    enc_buf_consume(&peer->got, peer->taken);
    peer->taken = 0;
    for (;;) {
        int state =
            enc_wire_next(&peer->wire, peer->got.data, peer->got.len, frame, &need, &reason);
        if (state < 0)
            fail_msg("the agent broke the format: %s", reason);
        if (state > 0) {
            peer->taken = ENC_WIRE_HEADER + frame->len;
            return true;
        }
        struct pollfd poll_fd = {.fd = peer->out, .events = POLLIN};
        int left = (int)(enc_deadline_left(deadline) / ENC_NS_PER_MS);
        if (poll(&poll_fd, 1, left) <= 0)
            fail_msg("the agent says nothing");
        assert_true(enc_buf_reserve(&peer->got, 65536));
        ssize_t len = read(peer->out, peer->got.data + peer->got.len, 65536);
        if (len <= 0)
            return false;
        peer->got.len += (size_t)len;
    }
}

static inline struct enc_wire_frame peer_next(struct peer *peer) {
    struct enc_wire_frame frame;
    if (!peer_try_next(peer, &frame))
        fail_msg("the agent has ended");
    return frame;
}

/* Skips frames of other types, but for LOG lines, which are shown. */
static inline struct enc_wire_frame peer_expect(struct peer *peer, enum enc_wire_type type) {
    for (;;) {
        struct enc_wire_frame frame = peer_next(peer);
        if (frame.type == type)
            return frame;
        if (frame.type == ENC_WIRE_LOG)
            print_message("agent: %s\n", enc_wire_text(&frame, ENC_WIRE_TAG_TEXT, ""));
    }
}

static inline void peer_hello(struct peer *peer) {
    struct peer_frame hello = peer_begin(ENC_WIRE_HELLO, 0);
    enc_wire_put_text(&hello.writer, ENC_WIRE_TAG_MAGIC, ENC_WIRE_MAGIC);
    enc_wire_put_number(&hello.writer, ENC_WIRE_TAG_VERSION, ENC_WIRE_VERSION);
    peer_end(peer, &hello);
}

static inline struct peer_frame peer_config(const char *user) {
    static const char *const places[] = {
        PEER_WORK, "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/srv/link", "/nowhere"};
    struct peer_frame config = peer_begin(ENC_WIRE_CONFIG, 0);
    enc_wire_put_text(&config.writer, ENC_WIRE_TAG_WORK_FOLDER, PEER_WORK);
    enc_wire_put_text(&config.writer, ENC_WIRE_TAG_USER, user);
    enc_wire_put_text(&config.writer, ENC_WIRE_TAG_ENV, "GREETING=hello");
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++)
        enc_wire_put_text(&config.writer, ENC_WIRE_TAG_PLACE, places[i]);
    return config;
}

static inline void peer_start(struct peer *peer) {
    peer_open(peer, NULL);
    peer_hello(peer);
    struct peer_frame config = peer_config("65534:65534");
    peer_end(peer, &config);
    assert_int_equal(peer_next(peer).type, ENC_WIRE_HELLO);
    peer_expect(peer, ENC_WIRE_READY);
}

/* Closes standard input and returns the exit status of the agent. */
static inline int peer_stop(struct peer *peer) {
    int status = 0;
    if (peer->frames != peer->in)
        close(peer->frames);
    close(peer->in);
    close(peer->out);
    waitpid(peer->pid, &status, 0);
    enc_buf_free(&peer->got);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline struct peer_frame peer_run(uint32_t id, ...) {
    struct peer_frame run = peer_begin(ENC_WIRE_RUN, id);
    const char *arg;
    va_list args;
    va_start(args, id);
    while ((arg = va_arg(args, const char *)))
        enc_wire_put_text(&run.writer, ENC_WIRE_TAG_ARG, arg);
    va_end(args);
    return run;
}

/* Takes one frame into the result. */
static inline void peer_take(struct peer_result *result, const struct enc_wire_frame *frame) {
    if (frame->type == ENC_WIRE_OUTPUT)
        assert_true(enc_buf_append(&result->out, frame->body, frame->len));
    else if (frame->type == ENC_WIRE_ERRORS)
        assert_true(enc_buf_append(&result->err, frame->body, frame->len));
    if (frame->type != ENC_WIRE_EXIT)
        return;
    result->done = true;
    result->code = (int64_t)enc_wire_number(frame, ENC_WIRE_TAG_EXIT_CODE, UINT64_MAX);
    result->signal = (int64_t)enc_wire_number(frame, ENC_WIRE_TAG_SIGNAL, UINT64_MAX);
    result->isolation = enc_wire_number(frame, ENC_WIRE_TAG_ISOLATION, 0);
    result->timed_out = enc_wire_number(frame, ENC_WIRE_TAG_TIMED_OUT, 99);
    result->limit = enc_wire_number(frame, ENC_WIRE_TAG_LIMIT, 99);
    result->wall = enc_wire_number(frame, ENC_WIRE_TAG_WALL, 0);
    result->user = enc_wire_number(frame, ENC_WIRE_TAG_USER_TIME, 0);
    result->system = enc_wire_number(frame, ENC_WIRE_TAG_SYSTEM_TIME, 0);
    result->peak = enc_wire_number(frame, ENC_WIRE_TAG_PEAK_MEMORY, 0);
    result->oom = enc_wire_number(frame, ENC_WIRE_TAG_OOM_KILLED, 99);
    result->out_total = enc_wire_number(frame, ENC_WIRE_TAG_OUTPUT_TOTAL, 0);
    result->err_total = enc_wire_number(frame, ENC_WIRE_TAG_ERRORS_TOTAL, 0);
}

static inline struct peer_result peer_wait(struct peer *peer, uint32_t id) {
    struct peer_result result = {.done = false};
    while (!result.done) {
        struct enc_wire_frame frame = peer_next(peer);
        if (frame.type == ENC_WIRE_LOG)
            print_message("agent: %s\n", enc_wire_text(&frame, ENC_WIRE_TAG_TEXT, ""));
        else if (frame.id == id)
            peer_take(&result, &frame);
    }
    return result;
}

static inline void peer_result_free(struct peer_result *result) {
    enc_buf_free(&result->out);
    enc_buf_free(&result->err);
}

/* Runs a line of shell to its end. */
static inline struct peer_result peer_shell(struct peer *peer, uint32_t id, const char *line) {
    struct peer_frame run = peer_run(id, "sh", "-c", line, NULL);
    peer_end(peer, &run);
    return peer_wait(peer, id);
}

static inline void peer_expect_output(struct peer *peer,
                                      uint32_t id,
                                      const char *line,
                                      const char *out) {
    struct peer_result result = peer_shell(peer, id, line);
    assert_string_equal(result.out.data ? result.out.data : "", out);
    peer_result_free(&result);
}

struct peer_reset {
    uint64_t ns, killed, removed, ipc;
    char failure[256];
};

static inline struct peer_reset peer_clean(struct peer *peer) {
    peer_send(peer, ENC_WIRE_RESET, 0, NULL, 0);
    struct enc_wire_frame frame = peer_expect(peer, ENC_WIRE_CLEANED);
    struct peer_reset reset = {
        .ns = enc_wire_number(&frame, ENC_WIRE_TAG_DURATION, 0),
        .killed = enc_wire_number(&frame, ENC_WIRE_TAG_KILLED, 0),
        .removed = enc_wire_number(&frame, ENC_WIRE_TAG_REMOVED, 0),
        .ipc = enc_wire_number(&frame, ENC_WIRE_TAG_IPC_REMOVED, 0),
    };
    snprintf(
        reset.failure, sizeof reset.failure, "%s", enc_wire_text(&frame, ENC_WIRE_TAG_TEXT, ""));
    return reset;
}

/* The one of a test, and its setup and teardown. */
static struct peer peer;

__attribute__((unused)) static int peer_up(void **state) {
    (void)state;
    peer_start(&peer);
    return 0;
}

/* It may have namespaces. */
__attribute__((unused)) static int peer_up_apart(void **state) {
    peer_has_namespaces = true;
    int result = peer_up(state);
    peer_has_namespaces = false;
    return result;
}

static int peer_down(void **state) {
    (void)state;
    return peer_stop(&peer);
}

#endif
