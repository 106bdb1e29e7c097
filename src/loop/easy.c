/* What every easy handle of the loop is told, and what its failures mean. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "internal.h"

#define CONNECT_TIMEOUT_S 30L

static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)data;
    (void)purpose;
    return enc_loop_socket(address->family, address->socktype, address->protocol);
}

int enc_easy_setup(struct enc_exchange *exchange,
                   const struct enc_endpoint *endpoint,
                   const char *path) {
    CURL *easy = exchange->easy = curl_easy_init();
    if (!easy)
        return -1;
    struct enc_buf url = {0};
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (enc_buf_printf(&url, "%s%s", endpoint ? endpoint->base_url : "", path))
        code = curl_easy_setopt(easy, CURLOPT_URL, url.data);
    enc_buf_free(&url);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    /* A stream may be silent for hours: that its other side has vanished shows in a minute. */
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 15L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 5L);
    if (endpoint) {
        const struct {
            CURLoption option;
            const char *value;
        } texts[] = {{CURLOPT_NOPROXY, "*"},
                     {CURLOPT_UNIX_SOCKET_PATH, endpoint->socket_path},
                     {CURLOPT_CAINFO, endpoint->ca_file},
                     {CURLOPT_SSLCERT, endpoint->cert_file},
                     {CURLOPT_SSLKEY, endpoint->key_file}};
        for (size_t i = 0; i < sizeof texts / sizeof *texts && code == CURLE_OK; i++)
            if (texts[i].value)
                code = curl_easy_setopt(easy, texts[i].option, texts[i].value);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, endpoint->verify ? 1L : 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, endpoint->verify ? 2L : 0L);
    }
    if (code != CURLE_OUT_OF_MEMORY)
        return 0; /* a URL that cannot be used shows when the transfer is done */
    curl_easy_cleanup(easy);
    exchange->easy = NULL;
    return -1;
}

static const char *hint(long number) {
    switch (number) {
    case EACCES:
    case EPERM:
        return "; this user may not use the socket: run as root or join the group that owns it";
    default:
        return "";
    }
}

void enc_easy_error(struct enc_exchange *exchange,
                    const struct enc_endpoint *endpoint,
                    const char *op,
                    struct enclave_error *err) {
    char *url = NULL;
    curl_easy_getinfo(exchange->easy, CURLINFO_EFFECTIVE_URL, &url);
    const char *name = endpoint ? endpoint->name : url ? url : "the server";
    const char *detail =
        exchange->error[0] ? exchange->error : curl_easy_strerror(exchange->result);
    long number = 0;
    curl_off_t connected = 0;
    curl_easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &number);
    curl_easy_getinfo(exchange->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
    switch (exchange->result) {
    case CURLE_OUT_OF_MEMORY:
        enc_fail_nomem(err, op);
        return;
    case CURLE_COULDNT_CONNECT:
        enc_fail(err,
                 ENCLAVE_UNAVAILABLE,
                 op,
                 "cannot reach %s: %s%s",
                 name,
                 number ? strerror((int)number) : detail,
                 hint(number));
        return;
    case CURLE_OPERATION_TIMEDOUT: /* ours is a timer of the loop; this is connecting alone */
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_PEER_FAILED_VERIFICATION:
        enc_fail(err, ENCLAVE_UNAVAILABLE, op, "cannot reach %s: %s", name, detail);
        return;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
        enc_fail(err, ENCLAVE_UNAVAILABLE, op, "the connection to %s broke: %s", name, detail);
        return;
    case CURLE_URL_MALFORMAT:
        enc_fail(err, ENCLAVE_INVALID, op, "%s is no usable URL: %s", name, detail);
        return;
    case CURLE_UNSUPPORTED_PROTOCOL:
        if (!connected) {
            enc_fail(err, ENCLAVE_INVALID, op, "%s is no usable URL: %s", name, detail);
            return;
        }
        /* fall through */
    default:
        enc_fail(err, ENCLAVE_PROTOCOL, op, "no proper reply from %s: %s", name, detail);
    }
}
