/* Connections: how many requests one had, whether its client is still there, and whether it
 * sends its request in time. */
#include <stdlib.h>
#include <sys/socket.h>

#include "internal.h"

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

/* The client closed its side, or the connection broke. libmicrohttpd may have missed that: it
 * takes a read that gave less than there was room for as the end of what is there, and the
 * edge that told of the close has passed by then. Shutting down a side that is shut already
 * changes nothing but gives it a new edge. */
static void on_disconnect(uv_poll_t *poll, int status, int events) {
    struct enc_httpd_link *link = poll->data;
    (void)status, (void)events;
    uv_poll_stop(poll);
    link->gone = true;
    shutdown(link->fd, SHUT_RD);
    if (link->request)
        enc_httpd_tell_gone(link->request);
}

/* libmicrohttpd counts the seconds without any traffic, and a byte now and then is traffic. When
 * the first byte of a head came nothing tells: it may be as late as the idle time allows. */
static uint64_t longest(const struct enc_httpd *httpd) {
    const struct enc_httpd_options *options = &httpd->options;
    return options->idle_seconds && options->request_seconds
               ? (options->idle_seconds + (uint64_t)options->request_seconds) * ENC_NS_PER_S
               : 0;
}

static void on_late(struct enc_timer *timer) {
    struct enc_httpd_link *link = ENC_CONTAINER_OF(timer, struct enc_httpd_link, timer);
    uint64_t more = link->received / ENC_HTTPD_SLOWEST * ENC_NS_PER_S;
    link->received = 0;
    if (more && !enc_timer_start(link->httpd->loop, timer, enc_deadline_in(more)))
        return;
    link->gone = true;
    shutdown(link->fd, SHUT_RDWR); /* libmicrohttpd reads the end, and closes it */
}

void enc_httpd_expect(struct enc_httpd_link *link) {
    uint64_t most = longest(link->httpd);
    link->received = 0;
    if (most) /* no memory: then without */
        enc_timer_start(link->httpd->loop, &link->timer, enc_deadline_in(most));
}

void enc_httpd_expect_no_more(struct enc_httpd_link *link) {
    enc_timer_stop(link->httpd->loop, &link->timer);
}

static struct enc_httpd_link *link_new(struct enc_httpd *httpd, struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct enc_httpd_link *link = info ? calloc(1, sizeof *link) : NULL;
    if (!link)
        return NULL;
    link->fd = info->connect_fd;
    if (uv_poll_init(enc_loop_uv(httpd->loop), &link->poll, link->fd)) {
        free(link);
        return NULL;
    }
    link->httpd = httpd;
    link->timer.fire = on_late;
    link->poll.data = link;
    uv_poll_start(&link->poll, UV_DISCONNECT, on_disconnect);
    enc_httpd_expect(link);
    return link;
}

void enc_httpd_on_connection(void *data,
                             struct MHD_Connection *connection,
                             void **context,
                             enum MHD_ConnectionNotificationCode code) {
    struct enc_httpd *httpd = data;
    struct enc_httpd_link *link = *context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = link_new(httpd, connection);
        return;
    }
    /* libmicrohttpd does not look at its socket while it can take no more connections (its
     * limit, or descriptors), and begins again only when it is run. */
    httpd->again = true;
    if (!link)
        return;
    enc_httpd_expect_no_more(link);
    uv_close((uv_handle_t *)&link->poll, on_closed);
}

struct enc_httpd_link *enc_httpd_link_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}
