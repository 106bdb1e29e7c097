#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lines.h"
#include "warm/entry/enter.h"

/* Everyone who is mapped here, to themselves: the kernel takes a map as a whole, once. */
static bool write_map(pid_t pid, const char *name) {
    char path[64], map[2048];
    struct lines lines;
    size_t len = 0;
    snprintf(path, sizeof path, "/proc/self/%s", name);
    lines_open(&lines, path);
    while (lines_next(&lines)) { /* "first here, first there, count" */
        char *rest = lines.line;
        unsigned long here = strtoul(rest, &rest, 10);
        strtoul(rest, &rest, 10);
        unsigned long count = strtoul(rest, NULL, 10);
        if (len < sizeof map)
            len +=
                (size_t)snprintf(map + len, sizeof map - len, "%lu %lu %lu\n", here, here, count);
    }
    if (len >= sizeof map)
        return false;
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, map, len) == (ssize_t)len;
    if (fd >= 0)
        close(fd);
    return written;
}

/* It shares the agent's descriptors: the one that it opens is the agent's. What it is asked
 * for comes by pipe: it must live until its maps are written, and no longer. */
static _Noreturn void holder(const int told[2], const int wait[2]) {
    char byte;
    int fd = -1;
    if (syscall(SYS_unshare, CLONE_NEWUSER) == 0)
        fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
    if (write(told[1], &fd, sizeof fd) == sizeof fd) {
        ssize_t got = read(wait[0], &byte, 1);
        (void)got;
    }
    _exit(0);
}

static int ask_holder(pid_t pid, const int told[2], const int wait[2]) {
    int fd = -1;
    if (read(told[0], &fd, sizeof fd) != sizeof fd)
        fd = -1;
    bool mapped = fd >= 0 && write_map(pid, "uid_map") && write_map(pid, "gid_map");
    if (write(wait[1], "", 1) == 1)
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    if (mapped)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

bool namespaces_enter(int descriptor) {
    return enter_namespaces(descriptor) == 0;
}

void namespaces_forget_keys(bool entered) {
    forget_keys(entered);
}

static bool can_enter(int fd) {
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(namespaces_enter(fd) ? 0 : 1);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return pid > 0 && status == 0;
}

int namespaces_open(void) {
    int told[2] = {-1, -1}, wait[2] = {-1, -1}, fd = -1;
    if (pipe2(told, O_CLOEXEC) == 0 && pipe2(wait, O_CLOEXEC) == 0) {
        pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
        if (pid == 0)
            holder(told, wait);
        if (pid > 0)
            fd = ask_holder(pid, told, wait);
    }
    const int ends[] = {told[0], told[1], wait[0], wait[1]};
    for (unsigned i = 0; i < 4; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    if (fd >= 0 && !can_enter(fd)) {
        close(fd);
        fd = -1;
    }
    return fd < 0 ? 0 : fd;
}
