#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

#define LATE (50 * ENC_NS_PER_MS) /* without a turn for so long */

/* What the program closed is opened to nothing, the wrong way round so that its use fails: the
 * next descriptor would take its number, and libuv gives up when it closes one of these. */
static void open_standard(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        while (fcntl(fd, F_GETFD) < 0) {
            int opened = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
            if (opened > STDERR_FILENO) /* another thread was faster */
                close(opened);
            if (opened < 0 && errno != EINTR)
                return;
        }
    }
}

struct enc_loop *enc_loop_new(uv_loop_t *borrowed, struct enclave_error *err) {
    open_standard();
    struct enc_loop *loop = calloc(1, sizeof *loop);
    if (!loop || !(loop->scratch = malloc(ENC_SCRATCH_SIZE))) {
        free(loop);
        enc_fail_nomem(err, "loop.new");
        return NULL;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    loop->owned = !borrowed;
    loop->turned_ns = enc_now();
    loop->uv = borrowed ? borrowed : &loop->own;
    int rc = loop->owned ? uv_loop_init(loop->uv) : 0;
    if (rc || enc_timers_init(loop)) {
        enc_fail(err,
                 ENCLAVE_INTERNAL,
                 "loop.new",
                 "cannot start an event loop: %s",
                 uv_strerror(rc ? rc : UV_ENOMEM));
        goto failed;
    }
    if (enc_multi_init(&loop->multi, loop)) {
        enc_fail_nomem(err, "loop.new");
        enc_loop_free(loop);
        return NULL;
    }
    return loop;

failed:
    curl_global_cleanup();
    free(loop->scratch);
    free(loop);
    return NULL;
}

void enc_loop_free(struct enc_loop *loop) {
    if (!loop)
        return;
    enc_multi_free(&loop->multi);
    enc_timers_close(loop);
    while (loop->closing)
        uv_run(loop->uv, UV_RUN_NOWAIT);
    if (loop->owned)
        uv_loop_close(loop->uv);
    curl_global_cleanup();
    free(loop->scratch);
    free(loop);
}

uv_loop_t *enc_loop_uv(struct enc_loop *loop) {
    return loop->uv;
}

static void only_sigpipe(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGPIPE);
}

void enc_loop_enter(struct enc_loop *loop) {
    sigset_t pipe;
    if (loop->inside++)
        return;
    only_sigpipe(&pipe);
    pthread_sigmask(SIG_BLOCK, &pipe, &loop->signals);
}

void enc_loop_leave(struct enc_loop *loop) {
    static const struct timespec none = {0};
    sigset_t pipe;
    int kept = errno;
    if (--loop->inside || sigismember(&loop->signals, SIGPIPE))
        return;
    only_sigpipe(&pipe);
    while (sigtimedwait(&pipe, NULL, &none) < 0 && errno == EINTR)
        ;
    pthread_sigmask(SIG_SETMASK, &loop->signals, NULL);
    errno = kept;
}

static bool is_late(const struct enc_loop *loop) {
    return enc_now() - loop->turned_ns > LATE;
}

void enc_loop_turn(struct enc_loop *loop, bool wait) {
    enc_loop_enter(loop);
    /* What came while nobody looked is older than the deadlines that passed meanwhile. */
    if (is_late(loop)) {
        loop->late = true;
        uv_run(loop->uv, UV_RUN_NOWAIT);
        loop->late = false;
        wait = false; /* that may have been what the caller waits for */
    }
    loop->turning = true;
    uv_run(loop->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    loop->turning = false;
    loop->turned_ns = enc_now();
    enc_loop_leave(loop);
}

void enc_loop_catch_up(struct enc_loop *loop) {
    /* Who turns a borrowed loop, and whether that goes on just now, is not known. */
    if (loop->owned && !loop->turning && is_late(loop))
        enc_loop_turn(loop, false);
}

int enc_loop_socket(int family, int type, int protocol) {
#ifdef SOCK_CLOEXEC
    return socket(family, type | SOCK_CLOEXEC, protocol);
#else
    int fd = socket(family, type, protocol);
    if (fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
#endif
}

void enc_loop_drop_idle(struct enc_loop *loop) {
    if (!enc_list_empty(&loop->multi.active))
        return;
    enc_multi_free(&loop->multi);
    enc_multi_init(&loop->multi, loop); /* failing, it refuses requests: no memory */
}

size_t enc_loop_operations(const struct enc_loop *loop) {
    /* The shared multi's timer may be libcurl's own housekeeping. */
    return loop->timers - (loop->multi.timer.slot != 0) + loop->operations;
}
