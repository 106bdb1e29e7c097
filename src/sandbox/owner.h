/* owner.h - who made a sandbox: the identity that goes into labels, so that what a crashed
 * engine left behind can be told from what a living one uses. Knows processes only. */
#ifndef ENC_OWNER_H
#define ENC_OWNER_H

#include <stdbool.h>

/* "<host>-<pid>-<start time>" of this process. The host part stands for machine, host name
 * and process namespace: within it a process number means one process. */
void enc_owner_make(char owner[40]);

/* It was a process of this host and has ended. False for what is of another host or
 * cannot be understood. */
bool enc_owner_is_dead(const char *owner);

#endif
