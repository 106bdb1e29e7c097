/* The listener: libmicrohttpd's descriptor and its timeouts on the loop. */
#include "httpd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define LONGEST_WAIT (60 * ENC_NS_PER_S)

/* What a connection may have above max_header: the tables of its headers, the head of the
 * answer, and a head that is too large to be answered with JSON. libmicrohttpd touches all of
 * it, so this and max_header are what an idle connection costs. */
#define HEAD_SLACK 4096

static void run(struct enc_httpd *httpd) {
    MHD_UNSIGNED_LONG_LONG ms;
    uint64_t wait = LONGEST_WAIT;
    httpd->again = false;
    MHD_run(httpd->daemon);
    if (httpd->again)
        wait = 0;
    else if (MHD_get_timeout(httpd->daemon, &ms) == MHD_YES && ms < LONGEST_WAIT / ENC_NS_PER_MS)
        wait = ms * ENC_NS_PER_MS;
    enc_timer_start(httpd->loop, &httpd->timer, wait ? enc_deadline_in(wait) : 0);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    (void)status, (void)events;
    run(poll->data);
}

static void on_timer(struct enc_timer *timer) {
    run(ENC_CONTAINER_OF(timer, struct enc_httpd, timer));
}

__attribute__((format(printf, 2, 0))) static void on_log(void *data,
                                                         const char *format,
                                                         va_list args) {
    struct enc_httpd *httpd = data;
    char line[512];
    vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\n")] = '\0';
    enc_log(httpd->options.log, ENC_LOG_DEBUG, "httpd: %s", line);
}

static void on_closed(uv_handle_t *handle) {
    struct enc_httpd *httpd = handle->data;
    free(httpd->api_key);
    free(httpd);
}

static int start(struct enc_httpd *httpd, int fd, const struct enc_httpd_options *options) {
    bool tls = options->tls_cert != NULL;
    unsigned flags = enc_httpd_wait_flag() | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem secure[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)options->tls_cert},
                                      {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)options->tls_key},
                                      {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    httpd->daemon = MHD_start_daemon(flags | (tls ? MHD_USE_TLS : 0),
                                     0,
                                     NULL,
                                     NULL,
                                     enc_httpd_on_call,
                                     httpd,
                                     MHD_OPTION_EXTERNAL_LOGGER,
                                     on_log,
                                     httpd,
                                     MHD_OPTION_LISTEN_SOCKET,
                                     fd,
                                     MHD_OPTION_URI_LOG_CALLBACK,
                                     enc_httpd_on_uri,
                                     httpd,
                                     MHD_OPTION_NOTIFY_COMPLETED,
                                     enc_httpd_on_completed,
                                     httpd,
                                     MHD_OPTION_NOTIFY_CONNECTION,
                                     enc_httpd_on_connection,
                                     httpd,
                                     MHD_OPTION_STRICT_FOR_CLIENT,
                                     1,
                                     MHD_OPTION_CONNECTION_LIMIT,
                                     options->max_connections,
                                     MHD_OPTION_CONNECTION_TIMEOUT,
                                     options->idle_seconds,
                                     MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                     options->max_header + HEAD_SLACK,
                                     MHD_OPTION_ARRAY,
                                     tls ? secure : plain,
                                     MHD_OPTION_END);
    return httpd->daemon ? 0 : -1;
}

struct enc_httpd *enc_httpd_open(struct enc_loop *loop,
                                 const struct enc_httpd_options *options,
                                 struct enclave_error *err) {
    static const char op[] = "httpd.open";
    struct enc_httpd *httpd = calloc(1, sizeof *httpd);
    if (!httpd || (options->api_key && !(httpd->api_key = strdup(options->api_key)))) {
        free(httpd);
        enc_fail_nomem(err, op);
        return NULL;
    }
    httpd->loop = loop;
    httpd->options = *options;
    httpd->timer.fire = on_timer;
    enc_list_init(&httpd->held);
    int fd = enc_httpd_listen(options->host, options->port, &httpd->port, err);
    if (fd < 0)
        goto failed;
    if (start(httpd, fd, options)) {
        close(fd);
        enc_fail(err,
                 options->tls_cert ? ENCLAVE_INVALID : ENCLAVE_INTERNAL,
                 op,
                 options->tls_cert ? "cannot serve TLS: the certificate or its key is not usable"
                                   : "the HTTP server cannot be started");
        goto failed;
    }
    fd = enc_httpd_wait_fd(httpd->daemon);
    if (fd < 0 || uv_poll_init(enc_loop_uv(loop), &httpd->poll, fd)) {
        enc_fail(err, ENCLAVE_INTERNAL, op, "the loop cannot watch the HTTP server");
        MHD_stop_daemon(httpd->daemon);
        goto failed;
    }
    httpd->poll.data = httpd;
    if (uv_poll_start(&httpd->poll, UV_READABLE, on_poll) ||
        enc_timer_start(loop, &httpd->timer, enc_deadline_in(LONGEST_WAIT))) {
        enc_fail_nomem(err, op);
        enc_httpd_close(httpd);
        return NULL;
    }
    return httpd;

failed:
    free(httpd->api_key);
    free(httpd);
    return NULL;
}

unsigned enc_httpd_port(const struct enc_httpd *httpd) {
    return httpd->port;
}

size_t enc_httpd_busy(const struct enc_httpd *httpd) {
    return httpd->busy;
}

void enc_httpd_quiesce(struct enc_httpd *httpd) {
    if (httpd->quiet)
        return;
    httpd->quiet = true;
    MHD_socket fd = MHD_quiesce_daemon(httpd->daemon);
    if (fd != MHD_INVALID_SOCKET)
        close(fd);
}

void enc_httpd_close(struct enc_httpd *httpd) {
    httpd->closing = true;
    enc_timer_stop(httpd->loop, &httpd->timer);
    uv_close((uv_handle_t *)&httpd->poll, on_closed);
    ENC_LIST_FOR_EACH_SAFE(cursor, &httpd->held) {
        enc_httpd_let_go(ENC_CONTAINER_OF(cursor, struct enc_httpd_request, in_held));
    }
    MHD_stop_daemon(httpd->daemon);
    httpd->daemon = NULL;
}
