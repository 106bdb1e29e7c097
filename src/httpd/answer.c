/* Answers: whole ones, and those whose body comes in pieces. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

void enc_httpd_request_free(struct enc_httpd_request *request) {
    enc_buf_free(&request->body);
    enc_buf_free(&request->out);
    free(request->uri);
    free(request->method);
    free(request);
}

void enc_httpd_tell_gone(struct enc_httpd_request *request) {
    if (!request->held || request->told)
        return;
    request->told = true;
    if (request->on_gone)
        request->on_gone(request->data);
}

/* ---- suspended while there is nothing to send -------------------------------------------- */

/* Without threads nothing else tells libmicrohttpd to go on. */
static void resume(struct enc_httpd_request *request) {
    if (!request->suspended)
        return;
    request->suspended = false;
    MHD_resume_connection(request->connection);
    if (!request->httpd->closing)
        enc_timer_start(request->httpd->loop, &request->httpd->timer, 0);
}

void enc_httpd_let_go(struct enc_httpd_request *request) {
    request->held = false;
    enc_list_remove(&request->in_held);
    if (request->link)
        request->link->request = NULL;
    if (!request->connection) {
        enc_httpd_request_free(request);
        return;
    }
    request->answered = true;
    resume(request);
}

/* ---- the head ------------------------------------------------------------------------------ */

/* The last answer on this connection. */
static bool is_last(const struct enc_httpd_request *request) {
    const struct enc_httpd *httpd = request->httpd;
    const struct enc_httpd_link *link = request->link;
    unsigned most = httpd->options.max_requests;
    return httpd->quiet || (link && (link->gone || (most && link->requests >= most)));
}

static int take(struct enc_httpd_request *request,
                struct MHD_Response *response,
                unsigned status,
                const struct enc_httpd_header *headers) {
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

int enc_httpd_make_answer(struct enc_httpd_request *request,
                          unsigned status,
                          const struct enc_httpd_header *headers,
                          const void *body,
                          size_t len) {
    return take(request,
                MHD_create_response_from_buffer(len, (void *)body, MHD_RESPMEM_MUST_COPY),
                status,
                headers);
}

enum MHD_Result enc_httpd_send_answer(struct enc_httpd_request *request) {
    if (!request->response)
        return MHD_NO;
    return MHD_queue_response(request->connection, request->status, request->response);
}

int enc_httpd_respond(struct enc_httpd_request *request,
                      unsigned status,
                      const struct enc_httpd_header *headers,
                      const void *body,
                      size_t len) {
    static const char full[] = "{\"code\":\"exhausted\",\"detail\":"
                               "\"too many large bodies at a time\"}";
    static const struct enc_httpd_header later[] = {
        {"Content-Type", "application/json"}, {"Retry-After", "1"}, {NULL, NULL}};
    struct enc_httpd *httpd = request->httpd;
    if (request->connection && len > ENC_HTTPD_FULL) { /* it is kept until its client took it */
        bool fits = len <= httpd->options.max_bodies - httpd->bodies;
        request->counted += fits ? len : 0;
        httpd->bodies += fits ? len : 0;
        if (!fits)
            status = 503, headers = later, body = full, len = sizeof full - 1;
    }
    int rc = request->connection ? enc_httpd_make_answer(request, status, headers, body, len) : 0;
    enc_httpd_let_go(request);
    return rc;
}

/* ---- a body in pieces -------------------------------------------------------------------- */

static ssize_t on_read(void *data, uint64_t at, char *bytes, size_t room) {
    struct enc_httpd_request *request = data;
    size_t left = request->out.len - request->sent, len = left < room ? left : room;
    (void)at;
    if (!left && !request->held)
        return request->whole ? MHD_CONTENT_READER_END_OF_STREAM
                              : MHD_CONTENT_READER_END_WITH_ERROR;
    if (!left) {
        request->suspended = true;
        MHD_suspend_connection(request->connection);
        return 0;
    }
    memcpy(bytes, request->out.data + request->sent, len);
    request->sent += len;
    if (request->sent == request->out.len)
        request->out.len = request->sent = 0;
    if (request->held && left >= ENC_HTTPD_FULL && left - len < ENC_HTTPD_FULL)
        request->on_drained(request->data);
    return (ssize_t)len;
}

int enc_httpd_begin(struct enc_httpd_request *request,
                    unsigned status,
                    const struct enc_httpd_header *headers) {
    if (!request->connection)
        return 0;
    if (take(request,
             MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 32 * 1024, on_read, request, NULL),
             status,
             headers))
        return -1;
    request->answered = true;
    resume(request);
    return 0;
}

int enc_httpd_write(struct enc_httpd_request *request, const void *bytes, size_t len) {
    if (!request->connection || !len)
        return 0;
    if (request->sent && request->out.cap - request->out.len <= len) {
        enc_buf_consume(&request->out, request->sent);
        request->sent = 0;
    }
    if (!enc_buf_append(&request->out, bytes, len))
        return -1;
    resume(request);
    return 0;
}

size_t enc_httpd_unsent(const struct enc_httpd_request *request) {
    return request->connection ? request->out.len - request->sent : 0;
}

void enc_httpd_end(struct enc_httpd_request *request, bool whole) {
    request->whole = whole;
    enc_httpd_let_go(request);
}
