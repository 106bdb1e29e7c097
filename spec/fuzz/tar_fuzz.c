/* libFuzzer: whatever claims to be a tar, plain or gzip, is refused as a whole, or unpacked into
 * a sandbox of the fake driver. */
#include "fuzz.h"
#include "tar.h"

struct box {
    bool ready, gone, done;
};

static void on_ready(void *data, struct enc_sandbox *sandbox) {
    (void)sandbox;
    ((struct box *)data)->ready = true;
}
static void on_broken(void *data, struct enc_sandbox *sandbox, const struct enclave_error *err) {
    (void)data, (void)sandbox, (void)err;
}
static void on_gone(void *data, struct enc_sandbox *sandbox) {
    (void)sandbox;
    ((struct box *)data)->gone = true;
}
static const struct enc_sandbox_events events = {on_ready, on_broken, on_gone};

static void on_done(void *data, const struct enclave_error *err) {
    (void)err;
    ((struct box *)data)->done = true;
}

static void quiet(void *data, enum enc_log_level level, const char *line) {
    (void)data, (void)level, (void)line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct enc_log log = {.write = quiet};
    struct enclave_error err = {0};
    struct enc_loop *loop = enc_loop_new(NULL, &err);
    struct enc_config *config = enc_config_from_json(NULL, ENC_FOR_POOL, &err);
    struct enc_host *host = enc_driver_fake.open(loop, &log, "fuzz-1-1", NULL, &err);
    struct box box = {0};
    struct enc_sandbox *sandbox = enc_sandbox_new(host, config, NULL, &events, &box, &err);
    check(sandbox != NULL);
    while (!box.ready)
        enc_loop_turn(loop, true);
    char *copy = exact_copy(data, size);
    bool taken = enc_sandbox_unpack(sandbox, copy, size, "in", ENC_NEVER, on_done, &box, &err);
    check(taken || err.code == ENCLAVE_INVALID);
    while (taken && !box.done)
        enc_loop_turn(loop, true);
    free(copy);
    enc_sandbox_destroy(sandbox, NULL);
    while (!box.gone)
        enc_loop_turn(loop, true);
    check(enc_loop_operations(loop) == 0);
    enc_config_unref(config);
    enc_driver_fake.close(host);
    enc_loop_free(loop);
    return 0;
}
