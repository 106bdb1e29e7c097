/* ipc.h - System V shared memory, semaphores and message queues of the container. (POSIX
 * ones are files in /dev/shm and /dev/mqueue.) */
#ifndef AGENT_IPC_H
#define AGENT_IPC_H

#include <stdint.h>

/* Removes every object. Nothing of another user may be running: each is removed as its
 * owner. Adds to *removed. -1: something is left. */
int ipc_remove_all(uint32_t *removed);

#endif
