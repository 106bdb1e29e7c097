/* ports.h - connections outlive their processes: for a minute the kernel keeps the side that
 * closed first, and nobody can bind its port again who does not ask for that. Only a new
 * container is without them. */
#ifndef AGENT_PORTS_H
#define AGENT_PORTS_H

#include <stdbool.h>

/* Whether anything in this network listens or is connected, or was a minute ago. */
bool ports_are_used(void);

/* Whether a TCP connection is left that holds a port which a program may want, or that was
 * made inside. Ports that the kernel picks for connections to the outside do not count. Cheap
 * where there was no connection at all. */
bool ports_are_held(void);

#endif
