/* own.h - what a program with the agent's own user could change for those after it, though
 * it is in none of the places that are emptied: the agent's limits and scheduling, which
 * every run inherits, and the container's device folders, which stay writable for root on
 * a read-only root file system. And for every user: where things are mounted in the places
 * that are emptied, as a folder above a mount can be renamed. Remembered once and compared
 * later; nothing is repaired. */
#ifndef AGENT_OWN_H
#define AGENT_OWN_H

#include <stdbool.h>
#include <stdint.h>

struct place;

#define OWN_MOUNTS_MAX 128

struct own {
    uint64_t process, folders;
    uint64_t mounts[OWN_MOUNTS_MAX]; /* each by what and where it is */
    unsigned mount_count;
};

void own_remember(struct own *own, const struct place *places, unsigned place_count);
/* What is not as it was, in words, or NULL. with_root: something ran as root. */
const char *own_changed(const struct own *own,
                        const struct place *places,
                        unsigned place_count,
                        bool with_root);

#endif
