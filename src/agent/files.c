#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

/* For files the agent is that user: with another fsuid than 0 the kernel takes its
 * capabilities for files away as well. */
static void become(const struct identity *identity) {
    syscall(SYS_setgroups, identity->group_count, identity->groups);
    setfsgid(identity->gid);
    setfsuid(identity->uid);
}

static void become_agent(void) {
    int error = errno;
    setfsuid(0);
    setfsgid(0);
    syscall(SYS_setgroups, 0, NULL);
    errno = error;
}

static int full_path(const struct agent *agent, const char *path, char full[PATH_MAX]) {
    int len = path[0] == '/' ? snprintf(full, PATH_MAX, "%s", path)
                             : snprintf(full, PATH_MAX, "%s/%s", agent->work_folder, path);
    if (len < PATH_MAX)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

/* Makes what is missing above the last name. */
static void make_parents(char *full) {
    for (char *at = full + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        mkdir(full, 0755);
        *at = '/';
    }
}

/* Root's own rights would also reach the agent itself through /proc. */
static int check_regular(int fd) {
    struct stat status;
    struct statfs system;
    if (fstat(fd, &status) < 0 || fstatfs(fd, &system) < 0)
        return -1;
    errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    if (!S_ISREG(status.st_mode))
        return -1;
    errno = EACCES;
    return system.f_type == PROC_SUPER_MAGIC && getuid() == 0 && status.st_uid == 0 &&
                   (status.st_mode & S_IROTH) == 0
               ? -1
               : 0;
}

static int checked(int fd) {
    if (fd >= 0 && check_regular(fd) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

#define OPEN_FLAGS (O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static int open_new(char *full) {
    int flags = O_WRONLY | O_CREAT | OPEN_FLAGS;
    int fd = openat(AT_FDCWD, full, flags, 0600);
    if (fd < 0 && errno == ENOENT) {
        make_parents(full);
        fd = openat(AT_FDCWD, full, flags, 0600);
    } else if (fd < 0 && errno == ETXTBSY && unlink(full) == 0) {
        fd = openat(AT_FDCWD, full, flags, 0600); /* a program that is running keeps its old file */
    }
    return fd;
}

int files_create(const struct agent *agent,
                 const struct identity *identity,
                 const char *path,
                 unsigned mode) {
    char full[PATH_MAX];
    if (full_path(agent, path, full) < 0)
        return -1;
    become(identity);
    int fd = checked(open_new(full));
    if (fd >= 0 && (ftruncate(fd, 0) < 0 || (fchmod(fd, mode & 07777) < 0 && errno != EPERM))) {
        int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    become_agent();
    return fd;
}

int files_write_all(int fd, const void *bytes, size_t len) {
    const char *at = bytes;
    while (len > 0) {
        ssize_t written = write(fd, at, len);
        if (written < 0 && errno != EINTR)
            return -1;
        if (written > 0) {
            at += written;
            len -= (size_t)written;
        }
    }
    return 0;
}

int files_write(const struct agent *agent,
                const struct identity *identity,
                const char *path,
                unsigned mode,
                const void *bytes,
                size_t len) {
    int fd = files_create(agent, identity, path, mode);
    if (fd < 0)
        return -1;
    int result = files_write_all(fd, bytes, len);
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

int files_open(const struct agent *agent, const struct identity *identity, const char *path) {
    char full[PATH_MAX];
    if (full_path(agent, path, full) < 0)
        return -1;
    become(identity);
    int fd = checked(open(full, O_RDONLY | OPEN_FLAGS));
    become_agent();
    return fd;
}

int files_make_folder(const struct agent *agent,
                      const struct identity *identity,
                      const char *path,
                      unsigned mode) {
    char full[PATH_MAX];
    struct stat status;
    if (full_path(agent, path, full) < 0)
        return -1;
    become(identity);
    int result = mkdir(full, 0700);
    if (result < 0 && errno == ENOENT) {
        make_parents(full);
        result = mkdir(full, 0700);
    }
    if (result == 0)
        result = chmod(full, mode & 07777);
    else if (errno == EEXIST && stat(full, &status) == 0 && S_ISDIR(status.st_mode))
        result = 0;
    become_agent();
    return result;
}

int files_make_link(const struct agent *agent,
                    const struct identity *identity,
                    const char *path,
                    const char *target) {
    char full[PATH_MAX];
    if (full_path(agent, path, full) < 0)
        return -1;
    become(identity);
    int result = symlink(target, full);
    if (result < 0 && errno == ENOENT) {
        make_parents(full);
        result = symlink(target, full);
    } else if (result < 0 && errno == EEXIST && unlink(full) == 0) {
        result = symlink(target, full);
    }
    become_agent();
    return result;
}
