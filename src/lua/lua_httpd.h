/* lua_httpd.h - what the two files of the HTTP server's binding share: the server and its
 * requests. Private to src/lua. */
#ifndef ENC_L_HTTPD_H
#define ENC_L_HTTPD_H

#include "core.h"
#include "httpd.h"

#define L_SERVER "enclave.HttpServer"
#define L_REPLY  "enclave.HttpReply"

struct l_server {
    struct l_core *core;
    struct enc_list in_core;
    struct enc_list requests; /* struct l_request */
    struct enc_list drains;   /* struct l_wait */
    struct enc_httpd *httpd;  /* NULL: closed */
    int handler;              /* registry reference */
};

/* For enc_httpd_options: data is the server. */
bool l_on_request(void *data, struct enc_httpd_request *http);
/* The listener goes under them: their tasks are cancelled. */
void l_requests_close(struct l_server *server);
void l_reply_class(lua_State *L, struct l_core *core);

#endif
