#include <stdlib.h>

#include "internal.h"

struct enc_loop *enc_loop_new(uv_loop_t *borrowed, struct enclave_error *err) {
    struct enc_loop *loop = calloc(1, sizeof *loop);
    if (!loop || !(loop->scratch = malloc(ENC_SCRATCH_SIZE))) {
        free(loop);
        enc_fail_nomem(err, "loop.new");
        return NULL;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    loop->owned = !borrowed;
    loop->uv = borrowed ? borrowed : &loop->own;
    int rc = loop->owned ? uv_loop_init(loop->uv) : 0;
    if (rc || enc_timers_init(loop)) {
        enc_fail(err,
                 ENCLAVE_INTERNAL,
                 "loop.new",
                 "cannot start an event loop: %s",
                 uv_strerror(rc ? rc : UV_ENOMEM));
        goto failed;
    }
    if (enc_multi_init(&loop->multi, loop)) {
        enc_fail_nomem(err, "loop.new");
        enc_loop_free(loop);
        return NULL;
    }
    return loop;

failed:
    curl_global_cleanup();
    free(loop->scratch);
    free(loop);
    return NULL;
}

void enc_loop_free(struct enc_loop *loop) {
    if (!loop)
        return;
    enc_multi_free(&loop->multi);
    enc_timers_close(loop);
    while (loop->closing)
        uv_run(loop->uv, UV_RUN_NOWAIT);
    if (loop->owned)
        uv_loop_close(loop->uv);
    curl_global_cleanup();
    free(loop->scratch);
    free(loop);
}

uv_loop_t *enc_loop_uv(struct enc_loop *loop) {
    return loop->uv;
}

void enc_loop_turn(struct enc_loop *loop, bool wait) {
    loop->turning = true;
    uv_run(loop->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    loop->turning = false;
}

size_t enc_loop_pending(const struct enc_loop *loop) {
    /* The shared multi's timer may be libcurl's own housekeeping. */
    return loop->timers - (loop->multi.timer.slot != 0) + loop->operations;
}
