#include "watch.h"

#include <stdlib.h>

#include "internal.h"

struct enc_watch {
    uv_fs_event_t uv;
    struct enc_loop *loop;
    void (*changed)(void *data);
    void *data;
};

static void on_event(uv_fs_event_t *uv, const char *name, int events, int status) {
    struct enc_watch *watch = uv->data;
    (void)name, (void)events, (void)status;
    watch->changed(watch->data);
}

static void on_closed(uv_handle_t *handle) {
    struct enc_watch *watch = handle->data;
    watch->loop->closing--;
    free(watch);
}

struct enc_watch *enc_watch_start(struct enc_loop *loop,
                                  const char *folder,
                                  void (*changed)(void *data),
                                  void *data,
                                  struct enclave_error *err) {
    struct enc_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        enc_fail_nomem(err, "watch");
        return NULL;
    }
    watch->loop = loop;
    watch->changed = changed;
    watch->data = data;
    int rc = uv_fs_event_init(loop->uv, &watch->uv);
    if (rc) {
        free(watch);
        enc_fail(err, ENCLAVE_INTERNAL, "watch", "%.400s: %s", folder, uv_strerror(rc));
        return NULL;
    }
    watch->uv.data = watch;
    uv_unref((uv_handle_t *)&watch->uv);
    rc = uv_fs_event_start(&watch->uv, on_event, folder, 0);
    if (rc) {
        enum enclave_code code = rc == UV_ENOENT ? ENCLAVE_NOT_FOUND : ENCLAVE_INTERNAL;
        enc_watch_stop(watch);
        enc_fail(err, code, "watch", "%.400s: %s", folder, uv_strerror(rc));
        return NULL;
    }
    return watch;
}

void enc_watch_stop(struct enc_watch *watch) {
    if (!watch)
        return;
    watch->loop->closing++;
    uv_close((uv_handle_t *)&watch->uv, on_closed);
}
