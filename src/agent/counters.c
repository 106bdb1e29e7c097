#include "counters.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_first(const char *const *paths) {
    for (; *paths; paths++) {
        int fd = open(*paths, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            return fd;
    }
    return -1;
}

void counters_open(struct counters *counters) {
    static const char *const oom[] = {
        "/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control", NULL};
    static const char *const pids[] = {
        "/sys/fs/cgroup/pids.events", "/sys/fs/cgroup/pids/pids.events", NULL};
    counters->oom_fd = open_first(oom);
    counters->pids_fd = open_first(pids);
}

/* The number behind "name " at the start of a line. */
static uint64_t read_line(int fd, const char *name) {
    char text[512];
    size_t name_len = strlen(name);
    ssize_t len = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
    if (len <= 0)
        return 0;
    text[len] = '\0';
    for (const char *at = text; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, name, name_len) == 0 && at[name_len] == ' ')
            return strtoull(at + name_len, NULL, 10);
    }
    return 0;
}

struct counts counters_read(const struct counters *counters) {
    return (struct counts){
        .oom_kills = read_line(counters->oom_fd, "oom_kill"),
        .pids_refused = read_line(counters->pids_fd, "max"),
    };
}
