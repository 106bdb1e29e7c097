/* reset.h - between borrowers: no process but the agent's own, no file, no System V object
 * is left of what ran, nothing of the container itself was changed, and this is looked at again
 * before it is said. Then the warm interpreters are made ready. In steps, so that the agent's end
 * is noticed meanwhile. */
#ifndef AGENT_RESET_H
#define AGENT_RESET_H

#include "agent.h"

/* Begins; CLEANED follows. False: no memory, or one is under way. */
bool reset_start(struct agent *agent);
/* Something that it may wait for has changed. */
void reset_continue(struct agent *agent);

#endif
