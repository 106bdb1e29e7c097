/* internal.h - what the files of the loop layer share; no other layer sees inside.
 *
 * struct enc_multi is a libcurl multi handle that libuv drives. The loop has one for
 * all plain requests; each hijacked stream has one of its own, because libcurl may
 * close a connect-only connection that it finds idle in a shared cache. */
#ifndef ENC_LOOP_INTERNAL_H
#define ENC_LOOP_INTERNAL_H

#include <curl/curl.h>
#include <signal.h>

#include "buf.h"
#include "endpoint.h"
#include "list.h"
#include "loop.h"

struct enc_multi {
    struct enc_loop *loop;
    CURLM *curl;
    struct enc_timer timer; /* libcurl's */
    struct enc_list active; /* struct enc_exchange.in_multi */
    struct enc_list ready;  /* struct enc_exchange.in_ready */
};

/* One easy handle in a multi. ready is called outside of libcurl, so it may add and
 * remove handles: when data came (enc_exchange_mark) or when it has finished. */
struct enc_exchange {
    struct enc_list in_multi, in_ready;
    struct enc_multi *multi;
    CURL *easy;
    bool finished;
    CURLcode result;
    void (*ready)(struct enc_exchange *exchange);
    char error[CURL_ERROR_SIZE];
};

struct enc_heap_entry {
    enc_deadline at;
    uint64_t order; /* equal deadlines fire in the order of their start */
    struct enc_timer *timer;
};

struct enc_loop {
    uv_loop_t *uv;
    uv_loop_t own;
    bool owned, turning;
    bool late;          /* a turn that fires no timer */
    uint64_t turned_ns; /* end of the last turn */
    unsigned inside;    /* enc_loop_enter without enc_loop_leave */
    sigset_t signals;   /* the thread's mask outside */

    struct enc_heap_entry *heap; /* heap[0] is not used */
    size_t timers, heap_cap;
    uint64_t next_order;
    bool firing;
    uv_timer_t clock; /* for the first deadline of the heap */
    uv_idle_t idle;   /* when it has passed already */
    uint64_t clock_ms;

    struct enc_multi multi;
    size_t operations; /* requests and streams */
    size_t closing;    /* libuv handles on their way out */
    char *scratch;     /* for reading; valid during one callback */
};

#define ENC_SCRATCH_SIZE 65536

/* timer.c */
int enc_timers_init(struct enc_loop *loop);
void enc_timers_close(struct enc_loop *loop);

/* multi.c */
int enc_multi_init(struct enc_multi *multi, struct enc_loop *loop);
void enc_multi_free(struct enc_multi *multi);
/* Takes exchange->easy, which it frees in enc_exchange_close. */
int enc_exchange_open(struct enc_multi *multi, struct enc_exchange *exchange);
/* Starts one that has finished once more; -1: not possible. */
int enc_exchange_again(struct enc_exchange *exchange);
void enc_exchange_close(struct enc_exchange *exchange);
void enc_exchange_mark(struct enc_exchange *exchange);

/* easy.c: options and errors that requests and streams have in common. endpoint NULL:
 * path is a whole URL. -1: out of memory. */
int enc_easy_setup(struct enc_exchange *exchange,
                   const struct enc_endpoint *endpoint,
                   const char *path);
void enc_easy_error(struct enc_exchange *exchange,
                    const struct enc_endpoint *endpoint,
                    const char *op,
                    struct enclave_error *err);

#endif
