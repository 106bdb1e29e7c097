/* channel_agent.h - the agent channel: one connection to the agent inside, over which all
 * runs, transfers and resets go as frames (wire.h). Knows no driver: it is given a way to
 * send bytes and is fed those that come. Everything that comes is taken for hostile; what
 * breaks the format or speaks of something that does not exist costs its own sandbox
 * (PROTOCOL) and nothing else.
 *
 * What cannot be started is a result, as with a shell: exit code 127 for a program that is
 * not there, else 126, and the reason on standard error. */
#ifndef ENC_CHANNEL_AGENT_H
#define ENC_CHANNEL_AGENT_H

#include "sandbox.h"

/* How bytes get to the agent. */
struct enc_agent_transport {
    /* Queues the bytes (copied). -1: it has ended; the driver will say so. */
    int (*write)(void *data, const void *bytes, size_t len);
    /* Written and not yet taken by the kernel. Each time it has become 0,
     * enc_channel_agent_drained is called. */
    size_t (*queued)(void *data);
};

/* Sets sandbox->channel and greets the agent, which may come up later. The transport must
 * live until the channel is closed. */
int enc_channel_agent_open(struct enc_sandbox *sandbox,
                           const struct enc_agent_transport *transport,
                           void *data,
                           struct enclave_error *err);

/* Bytes of the agent. Ends in enc_sandbox_ready once it is configured and its warm
 * interpreters are up, and in enc_sandbox_broken when it misbehaves. */
void enc_channel_agent_feed(struct enc_sandbox *sandbox, const char *bytes, size_t len);
void enc_channel_agent_drained(struct enc_sandbox *sandbox);

#endif
