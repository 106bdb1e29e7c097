/* One request: its head is looked at, its body collected; then it is with its user, and its
 * connection is suspended when that takes time. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

/* So much above the limit is read and dropped, for the client to see the answer. */
#define MAX_EXCESS (1024 * 1024)

void *enc_httpd_on_uri(void *data, const char *uri, struct MHD_Connection *connection) {
    struct enc_httpd *httpd = data;
    struct enc_httpd_request *request = calloc(1, sizeof *request);
    if (!request || !(request->uri = strdup(uri))) {
        free(request);
        return NULL;
    }
    request->httpd = httpd;
    request->connection = connection;
    request->link = enc_httpd_link_of(connection);
    enc_list_init(&request->in_held);
    httpd->busy++;
    return request;
}

static void uncount(struct enc_httpd_request *request) {
    request->httpd->bodies -= request->counted;
    request->counted = 0;
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
    if (request->response)
        MHD_destroy_response(request->response);
    request->response = NULL;
    request->connection = NULL;
    if (request->link) {
        request->link->request = NULL;
        enc_httpd_expect(request->link);
    }
    request->link = NULL;
    httpd->busy--;
    uncount(request);
    if (request->held)
        enc_httpd_tell_gone(request); /* and freed when its user lets go */
    else
        enc_httpd_request_free(request);
    if (httpd->busy == 0 && httpd->options.on_idle && !httpd->closing)
        httpd->options.on_idle(httpd->options.data);
}

static enum MHD_Result refuse(struct enc_httpd_request *request,
                              unsigned status,
                              const char *detail) {
    struct enc_httpd_header headers[3] = {{"Content-Type", "application/json"}};
    if (status == 401)
        headers[1] = (struct enc_httpd_header){"WWW-Authenticate", "Bearer"};
    else if (status == 503)
        headers[1] = (struct enc_httpd_header){"Retry-After", "1"};
    char body[160];
    int len = snprintf(body,
                       sizeof body,
                       "{\"code\":\"%s\",\"detail\":\"%s\"}",
                       status == 503 ? "exhausted" : "invalid",
                       detail);
    request->answered = true;
    if (request->link)
        enc_httpd_expect_no_more(request->link);
    if (enc_httpd_make_answer(request, status, headers, body, (size_t)len))
        return MHD_NO;
    return enc_httpd_send_answer(request);
}

static size_t head_size(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info ? info->header_size : 0;
}

static bool may_call(const struct enc_httpd_request *request) {
    const struct enc_httpd *httpd = request->httpd;
    return !httpd->api_key || enc_httpd_key_fits(httpd->api_key, request->connection) ||
           (httpd->options.open_options && strcmp(request->method, "OPTIONS") == 0);
}

struct framing {
    int lengths, codings, hosts;
    bool chunked, odd;
};

static enum MHD_Result on_framing(void *data,
                                  enum MHD_ValueKind kind,
                                  const char *name,
                                  const char *value) {
    struct framing *framing = data;
    (void)kind;
    framing->odd |= strpbrk(name, " \t") != NULL;
    framing->hosts += strcasecmp(name, "Host") == 0;
    framing->lengths += strcasecmp(name, "Content-Length") == 0;
    if (strcasecmp(name, "Transfer-Encoding") == 0) {
        framing->codings++;
        framing->chunked = value && strcasecmp(value, "chunked") == 0;
    }
    return MHD_YES;
}

/* One end of the body and one host, which a proxy in front cannot take for others:
 * libmicrohttpd chooses among several, and takes a name with a space before its colon for
 * another name. */
static bool is_framed(struct MHD_Connection *connection) {
    struct framing framing = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, on_framing, &framing);
    return !framing.odd && framing.hosts <= 1 && framing.lengths + framing.codings <= 1 &&
           (!framing.codings || framing.chunked);
}

/* Only the head is here. */
static enum MHD_Result begin(struct enc_httpd_request *request, const char *method) {
    const struct enc_httpd_options *options = &request->httpd->options;
    request->begun = true;
    /* libmicrohttpd's own goes with the connection, which the request may outlive. */
    if (!(request->method = strdup(method)))
        return MHD_NO;
    if (request->link) {
        request->link->requests++;
        enc_httpd_expect(request->link); /* the body */
    }
    if (strlen(request->uri) > options->max_header)
        return refuse(request, 414, "the address is too long");
    if (head_size(request->connection) > options->max_header)
        return refuse(request, 431, "the headers are too large");
    if (!may_call(request))
        return refuse(request, 401, "the API key is missing or wrong");
    if (!is_framed(request->connection))
        return refuse(request, 400, "the headers can be read in two ways");
    const char *length =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Content-Length");
    if (length && strtoull(length, NULL, 10) > options->max_body)
        return refuse(request, 413, "the body is too large");
    return MHD_YES;
}

static enum MHD_Result collect(struct enc_httpd_request *request, const char *bytes, size_t *len) {
    struct enc_httpd *httpd = request->httpd;
    size_t size = *len;
    *len = 0;
    if (request->link)
        request->link->received += size;
    request->too_large |= size > httpd->options.max_body - request->body.len;
    request->too_many |= size > httpd->options.max_bodies - httpd->bodies;
    if (request->too_large || request->too_many) {
        uncount(request);
        enc_buf_free(&request->body);
        request->excess += size;
        return request->excess > MAX_EXCESS ? MHD_NO : MHD_YES;
    }
    request->counted += size;
    httpd->bodies += size;
    return enc_buf_append(&request->body, bytes, size) ? MHD_YES : MHD_NO;
}

/* To its user. What needs no waiting is answered before libmicrohttpd asks again, so that the
 * connection need not be suspended; nor would it be fit for that yet: one that is suspended at
 * once is read from when it is resumed, and closed unanswered when its client has only shut its
 * own side. */
static enum MHD_Result hand_over(struct enc_httpd_request *request) {
    struct enc_httpd *httpd = request->httpd;
    if (!httpd->options.on_request(httpd->options.data, request))
        return MHD_NO;
    request->held = true;
    request->told = request->link && request->link->gone;
    enc_list_push_back(&httpd->held, &request->in_held);
    if (request->link) {
        request->link->request = request;
        enc_httpd_expect_no_more(request->link);
    }
    return MHD_YES;
}

static enum MHD_Result wait_for_user(struct enc_httpd_request *request) {
    request->suspended = true;
    MHD_suspend_connection(request->connection);
    return MHD_YES;
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
        return enc_httpd_send_answer(request);
    if (request->held)
        return wait_for_user(request);
    if (request->too_large)
        return refuse(request, 413, "the body is too large");
    if (request->too_many)
        return refuse(request, 503, "too many large bodies at a time");
    return hand_over(request);
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

void enc_httpd_drop_body(struct enc_httpd_request *request) {
    enc_buf_free(&request->body);
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
    if (request->connection)
        MHD_get_connection_values(request->connection, MHD_HEADER_KIND, on_header, &all);
}

void enc_httpd_listen_to(struct enc_httpd_request *request,
                         void (*on_gone)(void *),
                         void (*on_drained)(void *),
                         void *data) {
    request->on_gone = on_gone;
    request->on_drained = on_drained;
    request->data = data;
}

bool enc_httpd_is_gone(const struct enc_httpd_request *request) {
    return request->told || !request->connection || (request->link && request->link->gone);
}
