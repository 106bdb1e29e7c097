/* Python's server: started, watched, asked for children. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kind.h"
#include "lines.h"

static void server_forget(struct warm_kind *kind) {
    if (kind->control.fd >= 0) {
        loop_unwatch(kind->warm->loop, &kind->control);
        close(kind->control.fd);
    }
    kind->control.fd = -1;
    loop_timer_stop(&kind->timer);
    loop_child_unwatch(&kind->server_child);
    if (kind->server)
        tree_forget(kind->warm->tree, kind->server);
    kind->server = 0;
    warm_spare_drop(kind);
}

void warm_server_stop(struct warm_kind *kind) {
    if (kind->server)
        kill(kind->server, SIGKILL);
    server_forget(kind);
}

static void server_ended(struct loop_child *child, int status, const struct rusage *usage) {
    struct warm_kind *kind = ENC_CONTAINER_OF(child, struct warm_kind, server_child);
    (void)status;
    (void)usage;
    server_forget(kind);
    warm_failed(kind, false, "its server ended");
}

static bool starts_with(const char *text, const char *start, const char **rest) {
    size_t length = strlen(start);
    *rest = text + length;
    return strncmp(text, start, length) == 0;
}

static uint64_t size_of(pid_t pid) {
    struct lines lines;
    char path[32];
    uint64_t size = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    lines_open(&lines, path);
    while (lines_next(&lines))
        size = strtoull(lines.line, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
    return size;
}

static void server_says(struct loop_fd *watch, uint32_t events) {
    struct warm_kind *kind = ENC_CONTAINER_OF(watch, struct warm_kind, control);
    char text[1024];
    const char *rest;
    (void)events;
    ssize_t got = recv(watch->fd, text, sizeof text - 1, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) { /* its end is told by server_ended */
        loop_unwatch(kind->warm->loop, watch);
        return;
    }
    text[got] = '\0';
    if (starts_with(text, "ready ", &rest)) {
        loop_timer_stop(&kind->timer);
        kind->size = size_of(kind->server);
        warm_is_up(kind, rest);
    } else if (starts_with(text, "lacks ", &rest)) {
        kind->warm->lacks(kind->warm->owner, kind->name, rest);
    } else if (starts_with(text, "refuse ", &rest)) {
        warm_server_stop(kind);
        warm_failed(kind, true, rest);
    }
}

void warm_server_init(struct warm_kind *kind) {
    kind->control = (struct loop_fd){.fd = -1, .ready = server_says};
    kind->server_child.ended = server_ended;
}

/* Of the runs' environment only what an interpreter takes from it while it starts. */
static const char **server_env(const struct warm *warm, char *path, char *preload) {
    size_t count = 0;
    while (warm->env[count])
        count++;
    const char **env = calloc(count + 9, sizeof *env);
    if (!env)
        return NULL;
    size_t used = 0;
    env[used++] = path;
    env[used++] = preload;
    env[used++] = "HOME=/nonexistent";
    env[used++] = "LD_BIND_NOW=1"; /* once here, not in each child */
    env[used++] = "PYTHONPATH=/proc/self/fd/6";
    for (size_t i = 0; i < count; i++) {
        if (warm_is_given(warm->env[i]))
            env[used++] = warm->env[i];
    }
    if (warm_variable((const char *const *)warm->env, "LC_CTYPE"))
        env[used++] = "ENCLAVE_LC_CTYPE=given";
    return env;
}

static pid_t server_spawn(struct warm_kind *kind, int socket, int output) {
    struct warm *warm = kind->warm;
    char mark[WARM_MARK_SIZE], path[4096 + 8], preload[4096 + 32];
    const char *argv[] = {kind->name, mark, NULL};
    const int extra[] = {socket, warm->entry_file, warm_user_fd(warm), warm->python_file};
    struct spawn_error error;
    /* Anything that is no option and no file, and that is found nowhere else. */
    memset(mark, 'm', sizeof mark);
    mark[sizeof mark - 1] = '\0';
    if ((size_t)snprintf(path, sizeof path, "PATH=%s", warm->path) >= sizeof path ||
        (size_t)snprintf(preload, sizeof preload, "ENCLAVE_PRELOAD=%s", warm->preload) >=
            sizeof preload)
        return -1;
    const char **env = server_env(warm, path, preload);
    if (!env)
        return -1;
    /* What the interpreter finds at 0, 1 and 2 is what runs have: no file, and pipes. */
    struct spawn spec = {
        .argv = argv,
        .env = env,
        .identity = &warm->identity,
        .in = warm->null_fd,
        .out = output,
        .err = output,
        .extra = extra,
        .extra_count = 4,
        .keep_caps = warm->caps,
        .foreground = true,
    };
    pid_t pid = spawn_program(&spec, &error);
    free(env);
    return pid;
}

static void server_late(struct loop_timer *timer) {
    struct warm_kind *kind = ENC_CONTAINER_OF(timer, struct warm_kind, timer);
    warm_server_stop(kind);
    warm_failed(kind, false, "its server does not come up");
}

void warm_server_start(struct warm_kind *kind) {
    struct warm *warm = kind->warm;
    int ends[2] = {-1, -1}, output[2] = {-1, -1};
    char found[4096];
    pid_t pid = -1;
    kind->state = WARM_STARTING;
    if (!warm_find(kind->name, warm->path, found, sizeof found)) {
        warm_failed(kind, true, "the image has none");
        return;
    }
    if (pipe2(output, O_CLOEXEC) == 0 && warm_sockets(ends) == 0)
        pid = server_spawn(kind, ends[1], output[1]);
    for (int i = 0; i < 2; i++)
        if (output[i] >= 0)
            close(output[i]);
    if (ends[1] >= 0)
        close(ends[1]);
    kind->control.fd = ends[0];
    if (pid < 0 || loop_watch(warm->loop, &kind->control, EPOLLIN) < 0) {
        warm_server_stop(kind);
        warm_failed(kind, false, "it cannot be started");
        return;
    }
    kind->server = pid;
    tree_keep(warm->tree, pid);
    loop_child_watch(warm->loop, &kind->server_child, pid);
    kind->timer.fire = server_late;
    loop_timer_start(warm->loop, &kind->timer, enc_deadline_in(WARM_START_MS * ENC_NS_PER_MS));
}

bool warm_server_fork(struct warm_kind *kind, int socket) {
    return warm_send(kind->control.fd, "f", 1, &socket, 1);
}
