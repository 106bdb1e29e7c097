/* counters.h - how often the container met its limits: the counters of cgroup v1 or v2,
 * as far as they can be seen from inside. */
#ifndef AGENT_COUNTERS_H
#define AGENT_COUNTERS_H

#include <stdint.h>

struct counters {
    int oom_fd, pids_fd; /* -1: not to be seen */
};

struct counts {
    uint64_t oom_kills, pids_refused;
};

void counters_open(struct counters *counters);
struct counts counters_read(const struct counters *counters);

#endif
