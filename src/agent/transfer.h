/* transfer.h - one file on its way in or out, and the making of folders and links. What
 * comes in is written at once; what goes out waits for room in the connection. */
#ifndef AGENT_TRANSFER_H
#define AGENT_TRANSFER_H

#include "agent.h"

struct transfer {
    struct enc_list in_agent;
    struct agent *agent;
    uint32_t id;
    int fd;
    bool is_get;
    uint64_t max;           /* get: more than this is INVALID */
    uint64_t left;          /* of it */
    struct loop_timer next; /* get: the next piece */
};

/* Takes PUT, DATA, PUT_END, FOLDER, LINK and GET. DATA and PUT_END of a transfer that has
 * failed are ignored. False: no memory. */
bool transfer_frame(struct agent *agent, const struct enc_wire_frame *frame);
struct transfer *transfer_find(struct agent *agent, uint32_t id);
/* Gives it up: its DONE says so. */
void transfer_stop(struct transfer *transfer);
/* The connection has room again. */
void transfer_room(struct transfer *transfer);

#endif
