/* The process that waits for a job: one of each kind, ahead. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kind.h"

int warm_user_fd(const struct warm *warm) {
    return warm->user_namespace > 0 ? warm->user_namespace : warm->null_fd;
}

int warm_sockets(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static void spare_forget(struct warm_kind *kind) {
    if (kind->spare.fd >= 0) {
        loop_unwatch(kind->warm->loop, &kind->spare);
        close(kind->spare.fd);
    }
    kind->spare.fd = -1;
    if (kind->spare_pid)
        tree_forget(kind->warm->tree, kind->spare_pid);
    loop_child_unwatch(&kind->spare_child);
    kind->spare_pid = 0;
    kind->spare_waits = false;
}

void warm_spare_drop(struct warm_kind *kind) {
    /* It is killed before its number can be another's: nobody has reaped it. */
    if (kind->spare_pid && kind->spare_child.pid == kind->spare_pid)
        kill(kind->spare_pid, SIGKILL);
    spare_forget(kind);
}

/* It ended, or never came. */
static void spare_lost(struct warm_kind *kind, bool for_good) {
    bool never_waited = !kind->spare_waits;
    warm_spare_drop(kind);
    if (!kind->is_python && never_waited)
        warm_failed(kind, for_good, "it does not stop before its start");
}

static void spare_ended(struct loop_child *child, int status, const struct rusage *usage) {
    struct warm_kind *kind = ENC_CONTAINER_OF(child, struct warm_kind, spare_child);
    (void)usage;
    /* A shell that ends by itself has run: it is linked statically, or the image's loader
     * is an unusual one. */
    spare_lost(kind, WIFEXITED(status));
}

static void spare_shown(struct warm_kind *kind, pid_t pid) {
    kind->spare_waits = true;
    if (kind->spare_pid != pid) { /* a shell's is known from the start */
        kind->spare_pid = pid;
        tree_keep(kind->warm->tree, pid);
        loop_child_watch(kind->warm->loop, &kind->spare_child, pid);
    }
    if (!kind->is_python && kind->state == WARM_STARTING)
        warm_is_up(kind, "");
}

/* One message. 1: it is there. 0: none yet. -1: none will come. */
static int spare_read(struct warm_kind *kind, struct warm_reply *reply) {
    ssize_t got = recv(kind->spare.fd, reply, sizeof *reply, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return got == sizeof *reply ? 1 : -1;
}

static void spare_ready(struct loop_fd *watch, uint32_t events) {
    struct warm_kind *kind = ENC_CONTAINER_OF(watch, struct warm_kind, spare);
    struct warm_reply reply;
    int got = spare_read(kind, &reply);
    (void)events;
    if (got > 0 && reply.says == WARM_WAITING && reply.pid > 1)
        spare_shown(kind, reply.pid);
    else if (got != 0 && kind->spare_pid)
        loop_unwatch(kind->warm->loop, watch); /* spare_ended follows */
    else if (got != 0)
        spare_lost(kind, false);
}

static void spare_ahead(struct loop_timer *timer) {
    warm_spare_prepare(ENC_CONTAINER_OF(timer, struct warm_kind, ahead));
}

static void spare_soon(struct warm_kind *kind) {
    enc_deadline at = enc_deadline_in(WARM_AHEAD_MS * ENC_NS_PER_MS);
    loop_timer_start(kind->warm->loop, &kind->ahead, at);
}

void warm_spare_init(struct warm_kind *kind) {
    kind->ahead.fire = spare_ahead;
    kind->spare = (struct loop_fd){.fd = -1, .ready = spare_ready};
    kind->spare_child.ended = spare_ended;
}

/* A shell, executed with the entry library that stops it before main(). */
static bool shell_start(struct warm_kind *kind, int socket) {
    /* The rest of the environment is room: where the C library hands main() the one on
     * the stack, the job's is written over it. */
    enum { ROOM = 64 };
    struct warm *warm = kind->warm;
    const char *env[ROOM + 1] = {"LD_PRELOAD=/proc/self/fd/4"};
    const char *argv[] = {kind->name, "-c", ":", NULL};
    const int extra[] = {socket, warm->entry_file, warm_user_fd(warm)};
    char path[4096 + 8];
    struct spawn_error error;
    if ((size_t)snprintf(path, sizeof path, "PATH=%s", warm->path) >= sizeof path)
        return false;
    env[1] = path;
    env[2] = "LD_BIND_NOW=1"; /* now, while it is not waited for */
    for (int i = 3; i < ROOM; i++)
        env[i] = "_=";
    struct spawn spec = {
        .argv = argv,
        .env = env,
        .identity = &warm->identity,
        .in = warm->null_fd,
        .out = warm->null_fd,
        .err = warm->null_fd,
        .extra = extra,
        .extra_count = 3,
        .keep_caps = warm->caps,
        .foreground = true,
    };
    pid_t pid = spawn_program(&spec, &error);
    if (pid < 0)
        return false;
    kind->spare_pid = pid;
    tree_keep(warm->tree, pid);
    loop_child_watch(warm->loop, &kind->spare_child, pid);
    return true;
}

bool warm_spare_prepare(struct warm_kind *kind) {
    int ends[2];
    if (kind->spare.fd >= 0)
        return true;
    if (kind->state != WARM_UP && (kind->is_python || kind->state != WARM_STARTING))
        return false;
    if (warm_sockets(ends) < 0)
        return false;
    bool asked = kind->is_python ? warm_server_fork(kind, ends[1]) : shell_start(kind, ends[1]);
    close(ends[1]);
    kind->spare.fd = ends[0];
    if (!asked || loop_watch(kind->warm->loop, &kind->spare, EPOLLIN) < 0) {
        warm_spare_drop(kind);
        return false;
    }
    return true;
}

/* Waits for a message. As spare_read, 0 when the time is over. */
static int spare_wait(struct warm_kind *kind, struct warm_reply *reply, enc_deadline deadline) {
    for (;;) {
        int got = spare_read(kind, reply);
        uint64_t left = enc_deadline_left(deadline);
        if (got != 0 || left == 0)
            return got;
        struct pollfd wait = {.fd = kind->spare.fd, .events = POLLIN};
        poll(&wait, 1, (int)(left / ENC_NS_PER_MS) + 1);
    }
}

/* Until it waits: a job that is sent earlier could not be taken back. */
static bool spare_waits(struct warm_kind *kind) {
    struct warm_reply reply;
    if (kind->spare_waits)
        return true;
    int got = spare_wait(kind, &reply, enc_deadline_in(WARM_FORK_MS * ENC_NS_PER_MS));
    if (got > 0 && reply.says == WARM_WAITING && reply.pid > 1) {
        spare_shown(kind, reply.pid);
        return true;
    }
    if (got != 0)
        spare_lost(kind, false);
    return false;
}

pid_t warm_spare_use(struct warm_kind *kind, const struct spawn *spec, struct spawn_error *error) {
    char job[WARM_JOB_MAX], path[4096];
    struct warm_reply reply;
    if (!warm_find(kind->name, kind->warm->path, path, sizeof path))
        return 0;
    size_t size = warm_job_write(spec, path, job, sizeof job);
    if (size == 0)
        return 0;
    if (!kind->is_python &&
        kind->spare.fd < 0) { /* one from now on would be later than a cold one */
        spare_soon(kind);
        return 0;
    }
    if (!warm_spare_prepare(kind) || !spare_waits(kind))
        return 0;
    const int fds[3] = {spec->in, spec->out, spec->err};
    if (!warm_send(kind->spare.fd, job, size, fds, 3)) {
        warm_spare_drop(kind);
        return 0;
    }
    int got = spare_wait(kind, &reply, enc_deadline_in(WARM_BEGIN_MS * ENC_NS_PER_MS));
    if (got == 0) {
        /* Killed; what it said before that counts. */
        kill(kind->spare_pid, SIGKILL);
        got = spare_wait(kind, &reply, enc_deadline_in(WARM_BEGIN_MS * ENC_NS_PER_MS));
    }
    pid_t pid = kind->spare_pid;
    if (got > 0 && reply.says == WARM_STARTED) {
        spare_forget(kind); /* it is the run's now */
        spare_soon(kind);
        error->apart = reply.apart != 0;
        return pid;
    }
    warm_spare_drop(kind);
    if (got > 0 && reply.says == WARM_FAILED) {
        *error = (struct spawn_error){(enum spawn_step)reply.step, reply.error, false};
        return -1;
    }
    return 0;
}
