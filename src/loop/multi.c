/* A libcurl multi handle on libuv: its sockets are uv_poll handles, its timer is an
 * enc_timer. Callbacks of libcurl only take notes; what they say is handed on after
 * libcurl has returned, because inside it no handle may be added or removed. */
#include <stdlib.h>

#include "internal.h"

struct watch {
    uv_poll_t poll;
    struct enc_multi *multi;
    struct enc_loop *loop;
    curl_socket_t fd;
};

/* Marks are made inside of libcurl only, so none come while this goes on. After the last
 * one the multi is not touched: a stream's goes with the stream, its only exchange. */
static void hand_on(struct enc_multi *multi) {
    for (struct enc_list *next; (next = enc_list_pop_front(&multi->ready));) {
        struct enc_exchange *exchange = ENC_CONTAINER_OF(next, struct enc_exchange, in_ready);
        bool last = enc_list_empty(&multi->ready);
        exchange->ready(exchange);
        if (last)
            return;
    }
}

static void finish(struct enc_exchange *exchange, CURLcode result) {
    exchange->finished = true;
    exchange->result = result;
    enc_exchange_mark(exchange);
}

static void act(struct enc_multi *multi, curl_socket_t fd, int what) {
    int running, left;
    CURLMcode code = curl_multi_socket_action(multi->curl, fd, what, &running);
    for (CURLMsg *message; (message = curl_multi_info_read(multi->curl, &left));) {
        char *exchange = NULL;
        if (message->msg == CURLMSG_DONE &&
            !curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange))
            finish((struct enc_exchange *)(void *)exchange, message->data.result);
    }
    if (code != CURLM_OK && code != CURLM_BAD_SOCKET)
        ENC_LIST_FOR_EACH(cursor, &multi->active)
    finish(ENC_CONTAINER_OF(cursor, struct enc_exchange, in_multi), CURLE_OUT_OF_MEMORY);
    hand_on(multi);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct watch *watch = poll->data;
    int what = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
               (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) | (status < 0 ? CURL_CSELECT_ERR : 0);
    act(watch->multi, watch->fd, what);
}

static void on_timer(struct enc_timer *timer) {
    act(ENC_CONTAINER_OF(timer, struct enc_multi, timer), CURL_SOCKET_TIMEOUT, 0);
}

static void on_watch_closed(uv_handle_t *handle) {
    struct watch *watch = handle->data;
    watch->loop->closing--;
    free(watch);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data) {
    (void)easy;
    struct enc_multi *multi = data;
    struct watch *watch = socket_data;
    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            curl_multi_assign(multi->curl, fd, NULL);
            multi->loop->closing++;
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        }
        return 0;
    }
    if (!watch) {
        if (!(watch = calloc(1, sizeof *watch)))
            return -1;
        if (uv_poll_init_socket(multi->loop->uv, &watch->poll, fd)) {
            free(watch);
            return -1;
        }
        watch->multi = multi;
        watch->loop = multi->loop;
        watch->fd = fd;
        watch->poll.data = watch;
        curl_multi_assign(multi->curl, fd, watch);
    }
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&watch->poll, events, on_poll) ? -1 : 0;
}

static int on_timeout(CURLM *curl, long ms, void *data) {
    (void)curl;
    struct enc_multi *multi = data;
    enc_deadline at = ms < 0 ? ENC_NEVER : ms == 0 ? 0 : enc_deadline_in((uint64_t)ms * 1000000);
    return enc_timer_start(multi->loop, &multi->timer, at);
}

int enc_multi_init(struct enc_multi *multi, struct enc_loop *loop) {
    *multi = (struct enc_multi){.loop = loop, .timer.fire = on_timer};
    enc_list_init(&multi->active);
    enc_list_init(&multi->ready);
    if (!(multi->curl = curl_multi_init()))
        return -1;
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, 32L);
    return 0;
}

void enc_multi_free(struct enc_multi *multi) {
    enc_loop_enter(multi->loop);
    if (multi->curl)
        curl_multi_cleanup(multi->curl);
    enc_loop_leave(multi->loop);
    multi->curl = NULL;
    enc_timer_stop(multi->loop, &multi->timer);
}

int enc_exchange_open(struct enc_multi *multi, struct enc_exchange *exchange) {
    enc_list_init(&exchange->in_ready);
    exchange->multi = multi;
    curl_easy_setopt(exchange->easy, CURLOPT_PRIVATE, (char *)exchange);
    enc_list_push_back(&multi->active, &exchange->in_multi);
    if (curl_multi_add_handle(multi->curl, exchange->easy) == CURLM_OK)
        return 0;
    enc_list_remove(&exchange->in_multi);
    exchange->multi = NULL;
    return -1;
}

int enc_exchange_again(struct enc_exchange *exchange) {
    struct enc_multi *multi = exchange->multi;
    exchange->finished = false;
    exchange->error[0] = '\0';
    enc_loop_enter(multi->loop);
    curl_multi_remove_handle(multi->curl, exchange->easy);
    enc_loop_leave(multi->loop);
    return curl_multi_add_handle(multi->curl, exchange->easy) == CURLM_OK ? 0 : -1;
}

void enc_exchange_close(struct enc_exchange *exchange) {
    struct enc_multi *multi = exchange->multi;
    if (multi) {
        enc_list_remove(&exchange->in_multi);
        enc_list_remove(&exchange->in_ready);
        enc_loop_enter(multi->loop); /* TLS says goodbye */
        curl_multi_remove_handle(multi->curl, exchange->easy);
        enc_loop_leave(multi->loop);
        exchange->multi = NULL;
    }
    curl_easy_cleanup(exchange->easy);
    exchange->easy = NULL;
}

void enc_exchange_mark(struct enc_exchange *exchange) {
    enc_list_remove(&exchange->in_ready);
    enc_list_push_back(&exchange->multi->ready, &exchange->in_ready);
}
