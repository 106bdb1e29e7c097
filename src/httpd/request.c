/* One request: collected, held while its answer is made, answered. While it is held its
 * connection is suspended, and a watch of its own looks whether the client is still there. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* So much above the limit is read and dropped, for the client to see the answer. */
#define MAX_EXCESS (1024 * 1024)

static const struct enc_httpd_header json[] = {{"Content-Type", "application/json"}, {NULL, NULL}};

/* ---- the watch ------------------------------------------------------------------------------ */

static void watch_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void watch_end(struct enc_httpd_request *request) {
    if (request->watch) {
        request->watch->request = NULL;
        uv_close((uv_handle_t *)&request->watch->poll, watch_closed);
    }
    request->watch = NULL;
}

static void watch_fired(uv_poll_t *poll, int status, int events) {
    struct enc_httpd_request *request = ((struct enc_httpd_watch *)poll->data)->request;
    (void)status, (void)events;
    if (!request)
        return;
    watch_end(request);
    if (request->on_gone)
        request->on_gone(request->data);
}

static void watch_start(struct enc_httpd_request *request) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct enc_httpd_watch *watch = info ? calloc(1, sizeof *watch) : NULL;
    if (!watch)
        return; /* the answer will find out */
    if (uv_poll_init(enc_loop_uv(request->httpd->loop), &watch->poll, info->connect_fd)) {
        free(watch);
        return;
    }
    watch->poll.data = watch;
    watch->request = request;
    request->watch = watch;
    uv_poll_start(&watch->poll, UV_DISCONNECT, watch_fired);
}

/* ---- what libmicrohttpd calls ----------------------------------------------------------- */

void enc_httpd_on_connection(void *data,
                             struct MHD_Connection *connection,
                             void **context,
                             enum MHD_ConnectionNotificationCode code) {
    (void)data, (void)connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *context = calloc(1, sizeof(unsigned)); /* requests on it; NULL: not counted */
    else
        free(*context);
}

void *enc_httpd_on_uri(void *data, const char *uri, struct MHD_Connection *connection) {
    struct enc_httpd *httpd = data;
    struct enc_httpd_request *request = calloc(1, sizeof *request);
    if (!request || !(request->uri = strdup(uri))) {
        free(request);
        return NULL;
    }
    request->httpd = httpd;
    request->connection = connection;
    enc_list_init(&request->in_held);
    httpd->busy++;
    return request;
}

void enc_httpd_on_completed(void *data,
                            struct MHD_Connection *connection,
                            void **context,
                            enum MHD_RequestTerminationCode code) {
    struct enc_httpd *httpd = data;
    struct enc_httpd_request *request = *context;
    (void)connection, (void)code;
    *context = NULL;
    if (!request)
        return;
    watch_end(request);
    enc_list_remove(&request->in_held);
    if (request->response)
        MHD_destroy_response(request->response);
    enc_buf_free(&request->body);
    free(request->uri);
    free(request);
    httpd->busy--;
    if (httpd->busy == 0 && httpd->options.on_idle && !httpd->closing)
        httpd->options.on_idle(httpd->options.data);
}

/* The last answer on this connection. */
static bool is_last(struct enc_httpd_request *request) {
    const struct enc_httpd *httpd = request->httpd;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    unsigned *count = info ? info->socket_context : NULL;
    if (httpd->quiet)
        return true;
    return count && ++*count >= httpd->options.max_requests && httpd->options.max_requests;
}

static int make_response(struct enc_httpd_request *request,
                         unsigned status,
                         const struct enc_httpd_header *headers,
                         const void *body,
                         size_t len) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, (void *)body, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return -1;
    for (; headers->name; headers++)
        MHD_add_response_header(response, headers->name, headers->value);
    if (is_last(request))
        MHD_add_response_header(response, "Connection", "close");
    request->response = response;
    request->status = status;
    return 0;
}

static enum MHD_Result send_response(struct enc_httpd_request *request) {
    if (!request->response)
        return MHD_NO;
    return MHD_queue_response(request->connection, request->status, request->response);
}

static enum MHD_Result refuse(struct enc_httpd_request *request,
                              unsigned status,
                              const char *detail) {
    static const struct enc_httpd_header key[] = {
        {"Content-Type", "application/json"}, {"WWW-Authenticate", "Bearer"}, {NULL, NULL}};
    char body[160];
    int len = snprintf(body, sizeof body, "{\"code\":\"invalid\",\"detail\":\"%s\"}", detail);
    request->answered = true;
    if (make_response(request, status, status == 401 ? key : json, body, (size_t)len))
        return MHD_NO;
    return send_response(request);
}

/* Only the head is here. */
static enum MHD_Result begin(struct enc_httpd_request *request, const char *method) {
    struct enc_httpd *httpd = request->httpd;
    request->begun = true;
    request->method = method;
    if (httpd->api_key && !enc_httpd_key_fits(httpd->api_key, request->connection))
        return refuse(request, 401, "the API key is missing or wrong");
    const char *length =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Content-Length");
    if (length && strtoull(length, NULL, 10) > httpd->options.max_body)
        return refuse(request, 413, "the body is too large");
    return MHD_YES;
}

static enum MHD_Result collect(struct enc_httpd_request *request, const char *bytes, size_t *len) {
    size_t size = *len;
    *len = 0;
    if (size > request->httpd->options.max_body - request->body.len || request->too_large) {
        request->too_large = true;
        request->excess += size;
        enc_buf_free(&request->body);
        return request->excess > MAX_EXCESS ? MHD_NO : MHD_YES;
    }
    return enc_buf_append(&request->body, bytes, size) ? MHD_YES : MHD_NO;
}

enum MHD_Result enc_httpd_on_call(void *data,
                                  struct MHD_Connection *connection,
                                  const char *url,
                                  const char *method,
                                  const char *version,
                                  const char *upload,
                                  size_t *upload_len,
                                  void **context) {
    struct enc_httpd *httpd = data;
    struct enc_httpd_request *request = *context;
    (void)connection, (void)url, (void)version;
    if (!request || httpd->closing)
        return MHD_NO;
    if (!request->begun)
        return begin(request, method);
    if (*upload_len)
        return collect(request, upload, upload_len);
    if (request->answered)
        return send_response(request);
    if (request->too_large)
        return refuse(request, 413, "the body is too large");
    request->held = true;
    enc_list_push_back(&httpd->held, &request->in_held);
    if (!httpd->options.on_request(httpd->options.data, request))
        return MHD_NO;
    MHD_suspend_connection(connection);
    watch_start(request);
    return MHD_YES;
}

/* ---- for the one who answers ----------------------------------------------------------- */

const char *enc_httpd_method(const struct enc_httpd_request *request) {
    return request->method;
}

const char *enc_httpd_uri(const struct enc_httpd_request *request) {
    return request->uri;
}

const char *enc_httpd_body(const struct enc_httpd_request *request, size_t *len) {
    *len = request->body.len;
    return request->body.data ? request->body.data : "";
}

struct each {
    void (*each)(void *data, const char *name, const char *value);
    void *data;
};

static enum MHD_Result on_header(void *data,
                                 enum MHD_ValueKind kind,
                                 const char *name,
                                 const char *value) {
    struct each *each = data;
    (void)kind;
    each->each(each->data, name, value ? value : "");
    return MHD_YES;
}

void enc_httpd_headers(const struct enc_httpd_request *request,
                       void (*each)(void *data, const char *name, const char *value),
                       void *data) {
    struct each all = {each, data};
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, on_header, &all);
}

void enc_httpd_on_gone(struct enc_httpd_request *request, void (*on_gone)(void *), void *data) {
    request->on_gone = on_gone;
    request->data = data;
}

void enc_httpd_release(struct enc_httpd_request *request) {
    watch_end(request);
    enc_list_remove(&request->in_held);
    request->on_gone = NULL;
    request->answered = true;
    MHD_resume_connection(request->connection);
    if (!request->httpd->closing) /* without threads nothing else tells libmicrohttpd to go on */
        enc_timer_start(request->httpd->loop, &request->httpd->timer, 0);
}

int enc_httpd_respond(struct enc_httpd_request *request,
                      unsigned status,
                      const struct enc_httpd_header *headers,
                      const void *body,
                      size_t len) {
    int rc = make_response(request, status, headers, body, len);
    enc_httpd_release(request);
    return rc;
}
