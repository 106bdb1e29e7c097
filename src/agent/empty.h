/* empty.h - emptying a folder, whatever is in it: any names, any depth (no recursion, no
 * path is built), folders without permissions. Mount points inside are not crossed and
 * stay. Needs that nothing else changes it meanwhile. */
#ifndef AGENT_EMPTY_H
#define AGENT_EMPTY_H

#include "agent.h"

enum empty_result {
    EMPTY_DONE, /* nothing is left but mount points, and the folder is as it was found */
    EMPTY_MORE, /* the budget is used up: call again */
    EMPTY_FAILED,
};

/* Removes at most about budget entries; adds how many to *removed. FAILED: errno. */
enum empty_result empty_place(struct agent *agent,
                              struct place *place,
                              unsigned budget,
                              uint32_t *removed);

#endif
