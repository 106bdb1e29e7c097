#include "empty.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define LEVELS       24
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)

/* As the kernel writes it. */
struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short len;
    unsigned char type;
    char name[];
};

/* A folder that is being read; its parent is the level above. */
struct level {
    int fd;
    long at, len;
    bool has_mount; /* it cannot be removed */
    bool progress;  /* something was removed since it was read from the start */
    char name[256];
    char buffer[4096] __attribute__((aligned(8)));
};

struct walk {
    struct level levels[LEVELS];
    int depth; /* of the current one; 0 is the place itself */
    dev_t device;
    unsigned budget, moved;
    uint32_t *removed;
    int error;
};

static void did_remove(struct walk *walk, struct level *level) {
    level->progress = true;
    ++*walk->removed;
    if (walk->budget > 0)
        walk->budget--;
}

/* Nothing to be done about it: remembered, and gone on. */
static void leave_it(struct walk *walk, struct level *level) {
    if (errno == ENOENT)
        return;
    if (errno == EBUSY)
        level->has_mount = true;
    else
        walk->error = errno;
}

/* Too deep: the folder goes on at the top. */
static void move_up(struct walk *walk, struct level *level, const char *name) {
    char moved[32];
    int result;
    do {
        snprintf(moved, sizeof moved, ".enclave-%u", walk->moved++);
        result = renameat(level->fd, name, walk->levels[0].fd, moved);
    } while (result < 0 && (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR));
    if (result < 0) {
        leave_it(walk, level);
        return;
    }
    level->progress = true;
    walk->levels[0].progress = true;
}

static void enter(struct walk *walk, struct level *level, const char *name) {
    struct stat status;
    int fd = openat(level->fd, name, FOLDER_FLAGS);
    if (fd < 0 || fstat(fd, &status) < 0) {
        leave_it(walk, level);
        if (fd >= 0)
            close(fd);
        return;
    }
    if (status.st_dev != walk->device) {
        level->has_mount = true;
        close(fd);
        return;
    }
    if (walk->depth == LEVELS - 1) {
        close(fd);
        move_up(walk, level, name);
        return;
    }
    struct level *below = &walk->levels[++walk->depth];
    below->fd = fd;
    below->at = below->len = 0;
    below->has_mount = below->progress = false;
    memcpy(below->name, name, strlen(name) + 1); /* it fits: see remove_entry */
}

static void remove_entry(struct walk *walk, struct level *level, const struct entry *entry) {
    const char *name = entry->name;
    if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
        return;
    if (strlen(name) >= sizeof level->name)
        return;
    if (unlinkat(level->fd, name, entry->type == 4 /* DT_DIR */ ? AT_REMOVEDIR : 0) == 0 ||
        (errno == EISDIR && unlinkat(level->fd, name, AT_REMOVEDIR) == 0)) {
        did_remove(walk, level);
        return;
    }
    if (errno == ENOTEMPTY || errno == EEXIST)
        enter(walk, level, name);
    else
        leave_it(walk, level);
}

/* The current folder is read to its end. */
static void ascend(struct walk *walk) {
    struct level *level = &walk->levels[walk->depth];
    struct level *above = &walk->levels[--walk->depth];
    close(level->fd);
    if (unlinkat(above->fd, level->name, AT_REMOVEDIR) == 0)
        did_remove(walk, above);
    else if (level->has_mount)
        above->has_mount = true;
    else if (errno != ENOTEMPTY) /* then it was skipped while it shrank: the next pass */
        leave_it(walk, above);
}

static void walk_on(struct walk *walk) {
    while (walk->budget > 0) {
        struct level *level = &walk->levels[walk->depth];
        if (level->at < level->len) {
            struct entry *entry = (struct entry *)(void *)(level->buffer + level->at);
            level->at += entry->len;
            remove_entry(walk, level, entry);
            continue;
        }
        level->at = 0;
        level->len = syscall(SYS_getdents64, level->fd, level->buffer, sizeof level->buffer);
        if (level->len > 0)
            continue;
        if (level->len < 0)
            walk->error = errno;
        if (level->len == 0 && level->progress && lseek(level->fd, 0, SEEK_SET) == 0) {
            level->progress = false; /* entries may have been skipped as it shrank */
            continue;
        }
        if (walk->depth == 0)
            return;
        ascend(walk);
    }
}

static bool same_time(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Whether nobody has touched it since it was clean. */
static bool is_untouched(const struct place *place) {
    struct stat now;
    return place->clean_since.tv_sec > 0 && lstat(place->path, &now) == 0 &&
           now.st_dev == place->device && now.st_ino == place->inode &&
           same_time(&now.st_ctim, &place->clean_since) && same_time(&now.st_atim, &place->changed);
}

/* It is clean now. The time of a change is coarse: one that follows at once could have the
 * same, so only an old one tells. */
static void remember_clean(struct place *place, const struct stat *status) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    place->inode = status->st_ino;
    place->clean_since = status->st_ctim;
    if (now.tv_sec - status->st_ctim.tv_sec < 2)
        place->clean_since.tv_sec = 0;
}

/* Those that a borrower may have set, capabilities in a user namespace of its own; the system's
 * own, such as its labels, stay. 0: there were none. 1: there were. -1: some are left, or there are
 * more than anybody sets by mistake. */
static int remove_attributes(int fd) {
    char names[4096];
    int found = 0;
    ssize_t len = flistxattr(fd, names, sizeof names);
    if (len < 0)
        return errno == ENOTSUP ? 0 : -1;
    for (const char *name = names; name < names + len; name += strlen(name) + 1) {
        if (strncmp(name, "security.", 9) == 0 && strcmp(name, "security.capability") != 0)
            continue;
        found = 1;
        if (fremovexattr(fd, name) < 0)
            return -1;
    }
    return found;
}

/* The same for what chattr sets, of which an owner may set these without a capability. */
static int remove_flags(int fd) {
    int flags = 0;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || (flags & (FS_NODUMP_FL | FS_NOATIME_FL)) == 0)
        return 0;
    flags &= ~(FS_NODUMP_FL | FS_NOATIME_FL);
    return ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 ? -1 : 1;
}

/* Nobody could change what cannot be changed. */
static bool did(int result) {
    return result == 0 || errno == EROFS;
}

/* Undoes what a borrower may have done to the folder itself. False: errno. */
static bool restore(struct place *place, int fd, bool was_empty) {
    const struct timespec times[2] = {place->changed, place->changed};
    struct stat now;
    int attributes = remove_attributes(fd);
    int flags = attributes < 0 ? -1 : remove_flags(fd);
    if (flags < 0 || fstat(fd, &now) < 0)
        return false;
    bool same_owner = now.st_uid == place->uid && now.st_gid == place->gid;
    bool same_mode = (now.st_mode & 07777) == place->mode;
    bool same_times = same_time(&now.st_mtim, &times[1]) && same_time(&now.st_atim, &times[0]);
    bool as_found = same_owner && same_mode && same_times && attributes == 0 && flags == 0;
    if ((!same_owner && !did(fchown(fd, place->uid, place->gid))) ||
        (!same_mode && !did(fchmod(fd, place->mode))) || (!same_times && !did(futimens(fd, times))))
        return false;
    if (was_empty && as_found)
        remember_clean(place, &now);
    return true;
}

/* Reading it is not to be seen, where that can be had. */
static int open_place(const struct place *place) {
    int fd = openat(AT_FDCWD, place->path, FOLDER_FLAGS | O_NOATIME);
    return fd < 0 && errno == EPERM ? openat(AT_FDCWD, place->path, FOLDER_FLAGS) : fd;
}

/* Something else where the folder was, or nothing. */
static int replace(const struct place *place) {
    struct stat status;
    if (lstat(place->path, &status) == 0 && unlink(place->path) < 0)
        return -1;
    if (!place->found)
        return -1;
    return mkdir(place->path, 0700) == 0 ? open(place->path, FOLDER_FLAGS) : -1;
}

/* Empties the folder that is open. */
static enum empty_result walk_place(struct walk *walk,
                                    struct place *place,
                                    unsigned budget,
                                    uint32_t *removed) {
    uint32_t before = *removed;
    int fd = walk->levels[0].fd;
    struct stat status;
    if (fstat(fd, &status) < 0)
        return EMPTY_FAILED;
    if (place->found && status.st_dev != place->device) { /* it is another, not ours to empty */
        errno = EXDEV;
        return EMPTY_FAILED;
    }
    walk->depth = walk->error = 0;
    walk->moved = 0;
    walk->device = status.st_dev;
    walk->budget = budget;
    walk->removed = removed;
    walk->levels[0].at = walk->levels[0].len = 0;
    walk->levels[0].has_mount = walk->levels[0].progress = false;
    walk_on(walk);
    while (walk->depth > 0)
        close(walk->levels[walk->depth--].fd);
    if (walk->budget == 0)
        return EMPTY_MORE;
    bool was_empty = *removed == before && walk->error == 0 && !walk->levels[0].has_mount;
    if (place->found && !restore(place, fd, was_empty) && walk->error == 0)
        walk->error = errno;
    if (!place->found && walk->error == 0)
        rmdir(place->path);
    errno = walk->error;
    return walk->error == 0 ? EMPTY_DONE : EMPTY_FAILED;
}

enum empty_result empty_place(struct agent *agent,
                              struct place *place,
                              unsigned budget,
                              uint32_t *removed) {
    if (is_untouched(place))
        return EMPTY_DONE;
    place->clean_since.tv_sec = 0;
    int fd = open_place(place);
    if (fd < 0 && errno == ENOENT && !place->found)
        return EMPTY_DONE;
    if (fd < 0 && (fd = replace(place)) < 0)
        return place->found ? EMPTY_FAILED : EMPTY_DONE;
    enum empty_result result = EMPTY_FAILED;
    if (!agent->walk)
        agent->walk = malloc(sizeof *agent->walk);
    if (agent->walk) {
        agent->walk->levels[0].fd = fd;
        result = walk_place(agent->walk, place, budget, removed);
    }
    int error = errno;
    close(fd);
    errno = error;
    return result;
}
