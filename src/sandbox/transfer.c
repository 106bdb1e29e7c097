#include <stdlib.h>
#include <string.h>

#include "sandbox_inside.h"

static struct enc_loop *loop_of(const struct enc_transfer *transfer) {
    return transfer->sandbox->host->loop;
}

static void leave(struct enc_transfer *transfer) {
    transfer->ended = true;
    enc_timer_stop(loop_of(transfer), &transfer->overdue);
    enc_list_remove(&transfer->in_sandbox);
    transfer->sandbox->channel->transfer_end(transfer);
    enc_sandbox_note_work(transfer->sandbox);
}

static void transfer_free(struct enc_transfer *transfer) {
    enc_buf_free(&transfer->got);
    free(transfer->path);
    free(transfer);
}

void enc_transfer_done(struct enc_transfer *transfer, const struct enclave_error *err) {
    struct enclave_error too_long;
    if (transfer->ended)
        return;
    if (!err && transfer->kind == ENC_GET_FILE && transfer->got.len > transfer->max) {
        enc_fail(&too_long,
                 ENCLAVE_INVALID,
                 "sandbox.get",
                 "%.400s: the file has more than the %zu bytes that were asked for",
                 transfer->path,
                 transfer->max);
        err = &too_long;
    }
    leave(transfer);
    transfer->done(transfer->data, transfer, err);
    transfer_free(transfer);
}

void enc_transfer_cancel(struct enc_transfer *transfer) {
    if (transfer->ended)
        return;
    leave(transfer);
    transfer_free(transfer);
}

static void on_overdue(struct enc_timer *timer) {
    struct enc_transfer *transfer = ENC_CONTAINER_OF(timer, struct enc_transfer, overdue);
    struct enclave_error err;
    enc_fail(&err,
             ENCLAVE_TIMEOUT,
             transfer->kind == ENC_GET_FILE ? "sandbox.get" : "sandbox.put",
             "%.400s: the transfer did not end in time",
             transfer->path);
    enc_transfer_done(transfer, &err);
}

/* Takes the transfer, also when it fails. */
static struct enc_transfer *start(struct enc_transfer *transfer,
                                  const char *path,
                                  struct enclave_error *err) {
    struct enc_sandbox *sandbox = transfer->sandbox;
    const char *op = transfer->kind == ENC_GET_FILE ? "sandbox.get" : "sandbox.put";
    enc_deadline longest = enc_deadline_in_seconds(sandbox->config->max_timeout);
    transfer->deadline = enc_deadline_min(transfer->deadline, longest);
    transfer->overdue.fire = on_overdue;
    transfer->path = strdup(path);
    transfer->id = enc_sandbox_next_id(sandbox);
    if (!transfer->path ||
        enc_timer_start(loop_of(transfer), &transfer->overdue, transfer->deadline) < 0) {
        enc_fail_nomem(err, op);
        transfer_free(transfer);
        return NULL;
    }
    enc_list_push_back(&sandbox->transfers, &transfer->in_sandbox);
    if (transfer->kind != ENC_GET_FILE)
        sandbox->dirty = true;
    if (sandbox->channel->transfer(transfer, err) < 0) {
        enc_timer_stop(loop_of(transfer), &transfer->overdue);
        enc_list_remove(&transfer->in_sandbox);
        transfer_free(transfer);
        return NULL;
    }
    enc_sandbox_note_work(sandbox);
    return transfer;
}

static struct enc_transfer *make(struct enc_sandbox *sandbox,
                                 const char *path,
                                 const char *op,
                                 enc_deadline deadline,
                                 enc_transfer_end *done,
                                 void *data,
                                 struct enclave_error *err) {
    if (enc_sandbox_usable(sandbox, op, err) < 0)
        return NULL;
    if (!path || !*path) {
        enc_fail(err, ENCLAVE_INVALID, op, "path: it is empty; expected the name of a file");
        return NULL;
    }
    struct enc_transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer) {
        enc_fail_nomem(err, op);
        return NULL;
    }
    transfer->sandbox = sandbox;
    transfer->deadline = deadline;
    transfer->done = done;
    transfer->data = data;
    return transfer;
}

struct enc_transfer *enc_sandbox_put(struct enc_sandbox *sandbox,
                                     enum enc_transfer_kind kind,
                                     const char *path,
                                     unsigned mode,
                                     const void *bytes,
                                     size_t len,
                                     enc_deadline deadline,
                                     enc_transfer_end *done,
                                     void *data,
                                     struct enclave_error *err) {
    struct enc_transfer *transfer = make(sandbox, path, "sandbox.put", deadline, done, data, err);
    if (!transfer)
        return NULL;
    transfer->kind = kind;
    transfer->mode = mode ? mode & 07777 : kind == ENC_PUT_FOLDER ? 0755 : 0644;
    transfer->bytes = bytes;
    transfer->len = len;
    return start(transfer, path, err);
}

struct enc_transfer *enc_sandbox_get(struct enc_sandbox *sandbox,
                                     const char *path,
                                     size_t max,
                                     enc_deadline deadline,
                                     enc_transfer_end *done,
                                     void *data,
                                     struct enclave_error *err) {
    struct enc_transfer *transfer = make(sandbox, path, "sandbox.get", deadline, done, data, err);
    if (!transfer)
        return NULL;
    transfer->kind = ENC_GET_FILE;
    transfer->max = max;
    return start(transfer, path, err);
}

struct enc_transfer *enc_sandbox_find_transfer(struct enc_sandbox *sandbox, uint32_t id) {
    ENC_LIST_FOR_EACH(at, &sandbox->transfers) {
        struct enc_transfer *transfer = ENC_CONTAINER_OF(at, struct enc_transfer, in_sandbox);
        if (transfer->id == id)
            return transfer;
    }
    return NULL;
}
