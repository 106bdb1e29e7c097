#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define REAPED_MAX   64 /* in one turn: what multiplies dies without end */
#define BATCH        32
#define ORPHANS_KEPT 64

struct orphan {
    pid_t pid;
    int status;
    struct rusage usage;
};

struct loop {
    int epoll, signals;
    bool stopped;
    int status;
    struct enc_list timers; /* the earliest first */
    struct enc_list children;
    struct loop_fd children_fd;
    struct epoll_event batch[BATCH]; /* being handled */
    int batch_len;
    struct orphan orphans[ORPHANS_KEPT]; /* a ring */
    unsigned next_orphan;
    void (*on_orphan)(void *data, pid_t pid, const struct rusage *usage);
    void *on_orphan_data;
};

static void children_ready(struct loop_fd *watch, uint32_t events) {
    struct loop *loop = ENC_CONTAINER_OF(watch, struct loop, children_fd);
    struct signalfd_siginfo info[4];
    (void)events;
    while (read(watch->fd, info, sizeof info) == sizeof info)
        continue;
    loop_reap(loop);
}

struct loop *loop_new(void) {
    struct loop *loop = calloc(1, sizeof *loop);
    sigset_t set;
    if (!loop)
        return NULL;
    enc_list_init(&loop->timers);
    enc_list_init(&loop->children);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    loop->children_fd = (struct loop_fd){.fd = loop->signals, .ready = children_ready};
    if (loop->epoll < 0 || loop->signals < 0 || loop_watch(loop, &loop->children_fd, EPOLLIN) < 0) {
        free(loop); /* the process ends now */
        return NULL;
    }
    return loop;
}

int loop_watch(struct loop *loop, struct loop_fd *watch, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (watch->watched && watch->events == events)
        return 0;
    if (epoll_ctl(loop->epoll, watch->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd, &event) <
        0)
        return -1;
    watch->watched = true;
    watch->events = events;
    return 0;
}

void loop_unwatch(struct loop *loop, struct loop_fd *watch) {
    if (!watch->watched)
        return;
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->watched = false;
    for (int i = 0; i < loop->batch_len; i++) {
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
    }
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t at) {
    loop_timer_stop(timer);
    timer->at = at;
    timer->started = true;
    struct enc_list *behind = loop->timers.prev;
    while (behind != &loop->timers && ENC_CONTAINER_OF(behind, struct loop_timer, in_loop)->at > at)
        behind = behind->prev;
    enc_list_push_back(behind->next, &timer->in_loop);
}

void loop_timer_stop(struct loop_timer *timer) {
    if (timer->started)
        enc_list_remove(&timer->in_loop);
    timer->started = false;
}

void loop_child_watch(struct loop *loop, struct loop_child *child, pid_t pid) {
    loop_child_unwatch(child);
    child->pid = pid;
    enc_list_push_back(&loop->children, &child->in_loop);
    for (unsigned i = 0; i < ORPHANS_KEPT; i++) {
        if (loop->orphans[i].pid != pid)
            continue;
        if (kill(pid, 0) == 0)
            loop->orphans[i].pid = 0; /* an older one of the same number */
        else
            kill(getpid(), SIGCHLD); /* it ended before: told at the next turn */
    }
}

void loop_child_unwatch(struct loop_child *child) {
    if (child->pid != 0)
        enc_list_remove(&child->in_loop);
    child->pid = 0;
}

void loop_on_orphan(struct loop *loop,
                    void (*ended)(void *data, pid_t pid, const struct rusage *usage),
                    void *data) {
    loop->on_orphan = ended;
    loop->on_orphan_data = data;
}

static bool tell(struct loop *loop, pid_t pid, int status, const struct rusage *usage) {
    ENC_LIST_FOR_EACH(cursor, &loop->children) {
        struct loop_child *child = ENC_CONTAINER_OF(cursor, struct loop_child, in_loop);
        if (child->pid == pid) {
            loop_child_unwatch(child);
            child->ended(child, status, usage);
            return true;
        }
    }
    return false;
}

/* Watches that came later than the end of their child. */
static void tell_late(struct loop *loop) {
    for (unsigned i = 0; i < ORPHANS_KEPT; i++) {
        struct orphan orphan = loop->orphans[i];
        if (orphan.pid != 0 && tell(loop, orphan.pid, orphan.status, &orphan.usage))
            loop->orphans[i].pid = 0;
    }
}

unsigned loop_reap(struct loop *loop) {
    struct rusage usage;
    unsigned reaped = 0;
    int status;
    pid_t pid;
    tell_late(loop);
    while (reaped < REAPED_MAX && (pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        reaped++;
        for (unsigned i = 0; i < ORPHANS_KEPT; i++) { /* an older one of the same number */
            if (loop->orphans[i].pid == pid)
                loop->orphans[i].pid = 0;
        }
        if (tell(loop, pid, status, &usage))
            continue;
        loop->orphans[loop->next_orphan++ % ORPHANS_KEPT] =
            (struct orphan){.pid = pid, .status = status, .usage = usage};
        if (loop->on_orphan)
            loop->on_orphan(loop->on_orphan_data, pid, &usage);
    }
    if (reaped == REAPED_MAX)
        kill(getpid(), SIGCHLD); /* the others at the next turn, after the timers */
    return reaped;
}

static void fire_timers(struct loop *loop) {
    uint64_t now = enc_now();
    while (!enc_list_empty(&loop->timers) && !loop->stopped) {
        struct loop_timer *timer = ENC_CONTAINER_OF(loop->timers.next, struct loop_timer, in_loop);
        if (timer->at > now)
            return;
        loop_timer_stop(timer);
        timer->fire(timer);
    }
}

/* Milliseconds until the first timer, rounded up so that it is not woken in vain. */
static int wait_time(const struct loop *loop) {
    if (enc_list_empty(&loop->timers))
        return -1;
    uint64_t left =
        enc_deadline_left(ENC_CONTAINER_OF(loop->timers.next, struct loop_timer, in_loop)->at);
    uint64_t ms = (left + ENC_NS_PER_MS - 1) / ENC_NS_PER_MS;
    return ms > 3600000 ? 3600000 : (int)ms;
}

int loop_run(struct loop *loop) {
    while (!loop->stopped) {
        int count = epoll_wait(loop->epoll, loop->batch, BATCH, wait_time(loop));
        if (count < 0 && errno != EINTR)
            return -1;
        fire_timers(loop);
        loop->batch_len = count > 0 ? count : 0;
        for (int i = 0; i < loop->batch_len && !loop->stopped; i++) {
            struct loop_fd *watch = loop->batch[i].data.ptr;
            if (watch)
                watch->ready(watch, loop->batch[i].events);
        }
        loop->batch_len = 0;
    }
    return loop->status;
}

void loop_stop(struct loop *loop, int status) {
    loop->stopped = true;
    loop->status = status;
}
