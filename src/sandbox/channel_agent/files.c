/* Files in and out of a sandbox by its agent. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"

static struct enc_agent *agent_of(const struct enc_sandbox *sandbox) {
    return sandbox->channel_state;
}

/* ---- in ------------------------------------------------------------------------- */

int enc_agent_put_start(struct enc_agent *agent,
                        struct enc_agent_put *put,
                        const char *path,
                        unsigned mode) {
    struct enc_wire_writer writer;
    size_t room = strlen(path) + 64;
    if (!enc_agent_begin(&writer, room, ENC_WIRE_PUT, put->id))
        return -1;
    enc_wire_put_text(&writer, ENC_WIRE_TAG_PATH, path);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_MODE, mode);
    enc_agent_end(agent, &writer);
    enc_list_push_back(&agent->puts, &put->in_agent);
    enc_agent_put_more(agent);
    return 0;
}

/* Piece by piece, one file after the other, as far as the queue goes. */
void enc_agent_put_more(struct enc_agent *agent) {
    while (!agent->broken && !enc_list_empty(&agent->puts) &&
           agent->transport->queued(agent->data) < ENC_AGENT_QUEUE) {
        struct enc_agent_put *put =
            ENC_CONTAINER_OF(agent->puts.next, struct enc_agent_put, in_agent);
        size_t left = put->len - put->sent;
        size_t len = left < ENC_WIRE_DATA_MAX ? left : ENC_WIRE_DATA_MAX;
        enc_list_remove(&put->in_agent);
        if (len > 0)
            enc_agent_send(agent, ENC_WIRE_DATA, put->id, put->bytes + put->sent, len);
        put->sent += len;
        if (put->sent < put->len)
            enc_list_push_back(&agent->puts, &put->in_agent);
        else
            enc_agent_send(agent, ENC_WIRE_PUT_END, put->id, NULL, 0);
    }
}

static int start_put(struct enc_transfer *transfer) {
    struct enc_agent_put *put = calloc(1, sizeof *put);
    if (!put)
        return -1;
    *put =
        (struct enc_agent_put){.id = transfer->id, .bytes = transfer->bytes, .len = transfer->len};
    enc_list_init(&put->in_agent);
    transfer->channel_state = put;
    return enc_agent_put_start(agent_of(transfer->sandbox), put, transfer->path, transfer->mode);
}

/* The other kinds are one frame. */
static int ask(struct enc_transfer *transfer) {
    struct enc_agent *agent = agent_of(transfer->sandbox);
    struct enc_wire_writer writer;
    enum enc_wire_type type = transfer->kind == ENC_PUT_FOLDER ? ENC_WIRE_FOLDER
                              : transfer->kind == ENC_PUT_LINK ? ENC_WIRE_LINK
                                                               : ENC_WIRE_GET;
    size_t target_len = type == ENC_WIRE_LINK ? transfer->len : 0;
    char *target = malloc(target_len + 1);
    if (!target ||
        !enc_agent_begin(&writer, strlen(transfer->path) + target_len + 64, type, transfer->id)) {
        free(target);
        return -1;
    }
    memcpy(target, transfer->bytes ? transfer->bytes : "", target_len);
    target[target_len] = '\0';
    enc_wire_put_text(&writer, ENC_WIRE_TAG_PATH, transfer->path);
    if (type == ENC_WIRE_LINK)
        enc_wire_put_text(&writer, ENC_WIRE_TAG_TARGET, target);
    else if (type == ENC_WIRE_FOLDER)
        enc_wire_put_number(&writer, ENC_WIRE_TAG_MODE, transfer->mode);
    else
        enc_wire_put_number(&writer, ENC_WIRE_TAG_MAX_BYTES, transfer->max);
    enc_agent_end(agent, &writer);
    free(target);
    return 0;
}

int enc_agent_transfer(struct enc_transfer *transfer, struct enclave_error *err) {
    int rc = transfer->kind == ENC_PUT_FILE ? start_put(transfer) : ask(transfer);
    if (rc < 0) {
        free(ENC_STEAL(transfer->channel_state));
        return enc_fail_nomem(err, "sandbox.transfer");
    }
    return 0;
}

/* ---- the end -------------------------------------------------------------------- */

void enc_agent_transfer_end(struct enc_transfer *transfer) {
    struct enc_agent *agent = agent_of(transfer->sandbox);
    struct enc_agent_put *put = ENC_STEAL(transfer->channel_state);
    if (put)
        enc_list_remove(&put->in_agent);
    free(put);
    if (!agent || agent->broken || agent->done_id == transfer->id)
        return;
    /* Given up before its end: the agent answers to STOP with the DONE that is still due. */
    struct enc_agent_away *away = malloc(sizeof *away);
    if (!away) {
        enc_agent_broke(agent, "there is no memory to give up a transfer");
        return;
    }
    away->id = transfer->id;
    enc_list_push_back(&agent->away, &away->in_agent);
    enc_agent_send(agent, ENC_WIRE_STOP, transfer->id, NULL, 0);
}

static struct enc_agent_away *find_away(struct enc_agent *agent, uint32_t id) {
    ENC_LIST_FOR_EACH(each, &agent->away) {
        struct enc_agent_away *away = ENC_CONTAINER_OF(each, struct enc_agent_away, in_agent);
        if (away->id == id)
            return away;
    }
    return NULL;
}

static enum enclave_code code_of(uint64_t failure) {
    switch (failure) {
    case ENC_WIRE_NOT_FOUND:
        return ENCLAVE_NOT_FOUND;
    case ENC_WIRE_INVALID:
        return ENCLAVE_INVALID;
    case ENC_WIRE_EXHAUSTED:
        return ENCLAVE_EXHAUSTED;
    default:
        return ENCLAVE_INTERNAL;
    }
}

bool enc_agent_done(struct enc_agent *agent, const struct enc_wire_frame *frame) {
    struct enc_transfer *transfer = enc_sandbox_find_transfer(agent->sandbox, frame->id);
    struct enc_run *run = transfer ? NULL : enc_sandbox_find_run(agent->sandbox, frame->id);
    uint64_t failure = enc_wire_number(frame, ENC_WIRE_TAG_FAILURE, ENC_WIRE_OK);
    struct enclave_error err;
    if (run)
        return enc_agent_run_code_done(run, frame);
    if (!transfer) {
        struct enc_agent_away *away = find_away(agent, frame->id);
        if (away)
            enc_list_remove(&away->in_agent);
        free(away);
        return away != NULL;
    }
    agent->done_id = frame->id;
    if (failure != ENC_WIRE_OK)
        enc_fail(&err,
                 code_of(failure),
                 transfer->kind == ENC_GET_FILE ? "sandbox.get" : "sandbox.put",
                 "%.400s: %.200s",
                 transfer->path,
                 enc_wire_text(frame, ENC_WIRE_TAG_TEXT, "it failed"));
    enc_transfer_done(transfer, failure != ENC_WIRE_OK ? &err : NULL);
    agent->done_id = 0;
    return true;
}

bool enc_agent_file(struct enc_agent *agent, const struct enc_wire_frame *frame) {
    struct enc_transfer *transfer = enc_sandbox_find_transfer(agent->sandbox, frame->id);
    struct enclave_error err;
    if (!transfer)
        return find_away(agent, frame->id) != NULL;
    if (transfer->kind != ENC_GET_FILE || frame->len > transfer->max - transfer->got.len)
        return false;
    if (!enc_buf_append(&transfer->got, frame->body, frame->len)) {
        enc_fail_nomem(&err, "sandbox.get");
        enc_transfer_done(transfer, &err);
    }
    return true;
}
