/* namespaces.h - whether this container may have namespaces without CAP_SYS_ADMIN, and the
 * user namespace that all runs enter then, each with new ones for its System V objects and
 * message queues (entry/enter.h). It maps every user to itself and gives nobody a right:
 * a run drops all capabilities there as it does elsewhere. Docker's default seccomp profile
 * forbids it. Pid namespaces are not among them: they would need a /proc of their own,
 * which a container with masked paths in /proc must not mount. */
#ifndef AGENT_NAMESPACES_H
#define AGENT_NAMESPACES_H

#include <stdbool.h>

/* A descriptor of the namespace, CLOEXEC, once entering it was tried and works; 0: runs stay
 * in the container's. */
int namespaces_open(void);

/* In the process that becomes a run's, before it drops its rights; async-signal-safe.
 * False: it stays where it was. */
bool namespaces_enter(int descriptor);
/* The same, once it has its user: keys that earlier runs left are out of reach. */
void namespaces_forget_keys(bool entered);

#endif
