/* service.h - the command that a sandbox is configured to have running: started by the
 * agent as the sandbox's user, spared by resets with all its descendants, its end told to
 * the engine and not mended. It must stay in the foreground: what it makes a daemon of
 * its own is taken for a borrower's. Its output is dropped. */
#ifndef AGENT_SERVICE_H
#define AGENT_SERVICE_H

#include "agent.h"

/* Starts what the CONFIG frame says, if anything. Failures are told by SERVICE. */
void service_start(struct agent *agent, const struct enc_wire_frame *frame);

#endif
