/* The deadlines of one loop: a binary heap, served by one libuv timer. */
#include <stdlib.h>

#include "internal.h"

static bool before(const struct enc_heap_entry *a, const struct enc_heap_entry *b) {
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void place(struct enc_loop *loop, size_t slot, struct enc_heap_entry entry) {
    loop->heap[slot] = entry;
    entry.timer->slot = slot;
}

static void sift_up(struct enc_loop *loop, size_t slot) {
    struct enc_heap_entry entry = loop->heap[slot];
    while (slot > 1 && before(&entry, &loop->heap[slot / 2])) {
        place(loop, slot, loop->heap[slot / 2]);
        slot /= 2;
    }
    place(loop, slot, entry);
}

static void sift_down(struct enc_loop *loop, size_t slot) {
    struct enc_heap_entry entry = loop->heap[slot];
    for (size_t child; (child = slot * 2) <= loop->timers; slot = child) {
        if (child < loop->timers && before(&loop->heap[child + 1], &loop->heap[child]))
            child++;
        if (!before(&loop->heap[child], &entry))
            break;
        place(loop, slot, loop->heap[child]);
    }
    place(loop, slot, entry);
}

static void take_out(struct enc_loop *loop, size_t slot) {
    loop->heap[slot].timer->slot = 0;
    struct enc_heap_entry last = loop->heap[loop->timers--];
    if (slot > loop->timers)
        return;
    place(loop, slot, last);
    sift_up(loop, slot);
    sift_down(loop, last.timer->slot);
}

static void on_clock(uv_timer_t *clock);
static void on_idle(uv_idle_t *idle);

/* Lets libuv wake up for the first deadline. What is due already goes by the idle
 * handle: a libuv timer restarted with 0 from its own callback would fire again before
 * any I/O is looked at. */
static void arm(struct enc_loop *loop) {
    if (loop->firing)
        return;
    if (!loop->timers) {
        uv_timer_stop(&loop->clock);
        uv_idle_stop(&loop->idle);
        return;
    }
    enc_deadline at = loop->heap[1].at;
    if (at <= enc_now()) {
        uv_idle_start(&loop->idle, on_idle);
        return;
    }
    uv_idle_stop(&loop->idle);
    uint64_t due = at / ENC_NS_PER_MS + (at % ENC_NS_PER_MS != 0), now = uv_now(loop->uv);
    if (due == loop->clock_ms && uv_is_active((uv_handle_t *)&loop->clock))
        return;
    loop->clock_ms = due;
    uv_timer_start(&loop->clock, on_clock, due > now ? due - now : 0, 0);
}

static void fire(struct enc_loop *loop) {
    enc_deadline now = enc_now();
    if (loop->late) {
        arm(loop);
        return;
    }
    uint64_t limit = loop->next_order; /* what callbacks start waits for the next turn */
    bool fired = false;
    loop->firing = true;
    while (loop->timers && loop->heap[1].at <= now && loop->heap[1].order < limit) {
        struct enc_timer *timer = loop->heap[1].timer;
        take_out(loop, 1);
        fired = true;
        timer->fire(timer);
    }
    loop->firing = false;
    arm(loop);
    /* libuv runs timers before it polls: without this the same turn would still go to
     * sleep until the next event. */
    if (fired && loop->turning)
        uv_stop(loop->uv);
}

static void on_clock(uv_timer_t *clock) {
    fire(clock->data);
}

static void on_idle(uv_idle_t *idle) {
    fire(idle->data);
}

int enc_timer_start(struct enc_loop *loop, struct enc_timer *timer, enc_deadline at) {
    enc_deadline now = enc_now();
    if (at == ENC_NEVER) {
        enc_timer_stop(loop, timer);
        return 0;
    }
    if (!timer->slot && loop->timers + 1 >= loop->heap_cap) {
        size_t cap = loop->heap_cap ? loop->heap_cap * 2 : 64;
        struct enc_heap_entry *heap = realloc(loop->heap, cap * sizeof *heap);
        if (!heap)
            return -1;
        loop->heap = heap;
        loop->heap_cap = cap;
    }
    timer->at = at;
    /* A deadline in the past counts from now, so that one that is restarted again and
     * again cannot keep the others waiting. */
    struct enc_heap_entry entry = {
        .at = at > now ? at : now, .order = loop->next_order++, .timer = timer};
    size_t slot = timer->slot ? timer->slot : ++loop->timers;
    place(loop, slot, entry);
    sift_up(loop, slot);
    sift_down(loop, timer->slot);
    arm(loop);
    return 0;
}

void enc_timer_stop(struct enc_loop *loop, struct enc_timer *timer) {
    if (!timer->slot)
        return;
    take_out(loop, timer->slot);
    arm(loop);
}

int enc_timers_init(struct enc_loop *loop) {
    if (uv_timer_init(loop->uv, &loop->clock) || uv_idle_init(loop->uv, &loop->idle))
        return -1;
    loop->clock.data = loop->idle.data = loop;
    return 0;
}

static void on_closed(uv_handle_t *handle) {
    struct enc_loop *loop = handle->data;
    loop->closing--;
}

void enc_timers_close(struct enc_loop *loop) {
    loop->closing += 2;
    uv_close((uv_handle_t *)&loop->clock, on_closed);
    uv_close((uv_handle_t *)&loop->idle, on_closed);
    free(loop->heap);
    loop->heap = NULL;
    loop->timers = loop->heap_cap = 0;
}
