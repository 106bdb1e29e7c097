/* setting.h - a loop of ours and a server that a test makes answer as it likes (server.h). */
#ifndef SPEC_SETTING_H
#define SPEC_SETTING_H

#include "endpoint.h"
#include "loop.h"
#include "server.h"

struct setting {
    struct enc_loop *loop;
    struct server server;
    struct enc_endpoint endpoint;
};

static inline void open_setting(struct setting *at, bool tcp, void (*serve)(struct server *, int)) {
    assert_true(server_start(&at->server, tcp, serve));
    at->loop = enc_loop_new(NULL, NULL);
    assert_non_null(at->loop);
    assert_int_equal(enc_endpoint_parse(&at->endpoint, at->server.url, NULL, false, true, NULL), 0);
}

static inline void close_setting(struct setting *at) {
    assert_int_equal(enc_loop_operations(at->loop), 0);
    enc_loop_free(at->loop);
    server_stop(&at->server);
    enc_endpoint_free(&at->endpoint);
}

#endif
