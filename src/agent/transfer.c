#include "transfer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

static enum enc_wire_failure failure_of(int error) {
    switch (error) {
    case 0:
        return ENC_WIRE_OK;
    case ENOENT:
        return ENC_WIRE_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return ENC_WIRE_EXHAUSTED;
    case EIO:
        return ENC_WIRE_FAILED;
    default:
        return ENC_WIRE_INVALID;
    }
}

/* error 0: it is done. why: in place of the system's words, or NULL. */
static void done(struct agent *agent, uint32_t id, int error, const char *why) {
    uint8_t bytes[256];
    struct enc_wire_writer writer;
    if (error == EINVAL && !why)
        why = "not a regular file";
    enc_wire_begin(&writer, bytes, sizeof bytes, ENC_WIRE_DONE, id);
    if (error != 0) {
        enc_wire_put_number(&writer, ENC_WIRE_TAG_FAILURE, failure_of(error));
        enc_wire_put_text(&writer, ENC_WIRE_TAG_TEXT, why ? why : strerror(error));
    }
    conn_send_fields(&agent->conn, &writer);
}

struct transfer *transfer_find(struct agent *agent, uint32_t id) {
    ENC_LIST_FOR_EACH(cursor, &agent->transfers) {
        struct transfer *transfer = ENC_CONTAINER_OF(cursor, struct transfer, in_agent);
        if (transfer->id == id)
            return transfer;
    }
    return NULL;
}

static void transfer_free(struct transfer *transfer) {
    loop_timer_stop(&transfer->next);
    enc_list_remove(&transfer->in_agent);
    close(transfer->fd);
    free(transfer);
}

static void finish(struct transfer *transfer, int error, const char *why) {
    done(transfer->agent, transfer->id, error, why);
    transfer_free(transfer);
}

static void too_large(struct agent *agent, uint32_t id, uint64_t max) {
    char why[80];
    snprintf(
        why, sizeof why, "the file has more than the %" PRIu64 " bytes that were asked for", max);
    done(agent, id, EFBIG, why);
}

void transfer_stop(struct transfer *transfer) {
    finish(transfer, ECANCELED, "it was given up");
}

/* One piece a turn, so that many transfers and runs share the connection. */
static void send_piece(struct loop_timer *timer) {
    struct transfer *transfer = ENC_CONTAINER_OF(timer, struct transfer, next);
    struct agent *agent = transfer->agent;
    uint8_t *piece = agent->piece + ENC_WIRE_HEADER;
    if (!conn_has_room(&agent->conn))
        return; /* transfer_room goes on */
    ssize_t len = read(transfer->fd, piece, ENC_WIRE_DATA_MAX);
    if (len < 0 && errno != EINTR) {
        finish(transfer, errno, NULL);
    } else if (len == 0) {
        finish(transfer, 0, NULL);
    } else if (len > 0 && (uint64_t)len > transfer->left) {
        too_large(agent, transfer->id, transfer->max);
        transfer_free(transfer);
    } else {
        if (len > 0) {
            transfer->left -= (uint64_t)len;
            conn_send_behind(&agent->conn, ENC_WIRE_FILE, transfer->id, piece, (size_t)len);
        }
        loop_timer_start(agent->loop, timer, 0);
    }
}

void transfer_room(struct transfer *transfer) {
    if (transfer->is_get && !transfer->next.started)
        loop_timer_start(transfer->agent->loop, &transfer->next, 0);
}

/* fd belongs to the transfer from here. */
static bool begin(struct agent *agent, uint32_t id, int fd, bool is_get, uint64_t max) {
    struct transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer) {
        close(fd);
        return false;
    }
    *transfer = (struct transfer){.agent = agent,
                                  .id = id,
                                  .fd = fd,
                                  .is_get = is_get,
                                  .left = max,
                                  .max = max,
                                  .next.fire = send_piece};
    enc_list_push_back(&agent->transfers, &transfer->in_agent);
    if (is_get)
        loop_timer_start(agent->loop, &transfer->next, 0);
    return true;
}

static bool begin_get(struct agent *agent, const struct enc_wire_frame *frame, const char *path) {
    uint64_t max = enc_wire_number(frame, ENC_WIRE_TAG_MAX_BYTES, UINT64_MAX);
    struct stat status;
    int fd = files_open(agent, &agent->identity, path);
    if (fd < 0) {
        done(agent, frame->id, errno, NULL);
        return true;
    }
    if (fstat(fd, &status) == 0 && status.st_size > 0 && (uint64_t)status.st_size > max) {
        close(fd);
        too_large(agent, frame->id, max);
        return true;
    }
    return begin(agent, frame->id, fd, true, max);
}

static bool begin_put(struct agent *agent, const struct enc_wire_frame *frame, const char *path) {
    unsigned mode = (unsigned)enc_wire_number(frame, ENC_WIRE_TAG_MODE, 0644);
    int fd = files_create(agent, &agent->identity, path, mode);
    if (fd < 0) {
        done(agent, frame->id, errno, NULL);
        return true;
    }
    return begin(agent, frame->id, fd, false, 0);
}

static void make(struct agent *agent, const struct enc_wire_frame *frame, const char *path) {
    unsigned mode = (unsigned)enc_wire_number(frame, ENC_WIRE_TAG_MODE, 0755);
    const char *target = enc_wire_text(frame, ENC_WIRE_TAG_TARGET, "");
    int result = frame->type == ENC_WIRE_LINK
                     ? files_make_link(agent, &agent->identity, path, target)
                     : files_make_folder(agent, &agent->identity, path, mode);
    done(agent, frame->id, result < 0 ? errno : 0, NULL);
}

bool transfer_frame(struct agent *agent, const struct enc_wire_frame *frame) {
    bool is_raw = frame->type == ENC_WIRE_DATA || frame->type == ENC_WIRE_PUT_END;
    const char *path = is_raw ? "" : enc_wire_text(frame, ENC_WIRE_TAG_PATH, "");
    struct transfer *transfer = transfer_find(agent, frame->id);
    agent->root_ran |= !is_raw && frame->type != ENC_WIRE_GET && agent->identity.uid == 0;
    switch (frame->type) {
    case ENC_WIRE_PUT:
        return begin_put(agent, frame, path);
    case ENC_WIRE_GET:
        return begin_get(agent, frame, path);
    case ENC_WIRE_DATA:
        if (transfer && files_write_all(transfer->fd, frame->body, frame->len) < 0)
            finish(transfer, errno, NULL);
        return true;
    case ENC_WIRE_PUT_END:
        if (transfer)
            finish(transfer, 0, NULL);
        return true;
    default:
        make(agent, frame, path);
        return true;
    }
}
