/* agent_volume.h - the agent's program as this engine carries it: a tar for a volume, and
 * the name of that volume, which holds the hash of its content. Knows no driver. */
#ifndef ENC_AGENT_VOLUME_H
#define ENC_AGENT_VOLUME_H

#include "buf.h"
#include "fail.h"

#define ENC_AGENT_FOLDER    "/.enclave" /* where the volume is mounted, read-only */
#define ENC_AGENT_PATH      ENC_AGENT_FOLDER "/agent"
#define ENC_AGENT_IO_FOLDER "/.enclave-io" /* where the folder of the socket is mounted */
#define ENC_AGENT_SOCKET    "s"            /* the socket in that folder */

/* "enclave-agent-0123456789abcdef"; the same for the same agent. */
void enc_agent_volume_name(char name[48]);

/* The tar of what belongs into the volume: agent, executable by its owner root alone. It is
 * unpacked so that nobody meets half of it. */
int enc_agent_volume_tar(struct enc_buf *tar, struct enclave_error *err);

/* Bytes of the agent, which follow the one header of the tar. */
size_t enc_agent_volume_size(void);

/* The processor that the agent was built for, as Docker names it ("amd64"). */
const char *enc_agent_architecture(void);

#endif
