#include "own.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"
#include "lines.h"

#define HASH_START 14695981039346656037u /* FNV-1a, 64 bits: against accidents it is enough, */
#define HASH_STEP  1099511628211u        /* and who could aim at it has no more to gain */

static uint64_t hash(uint64_t so_far, const void *bytes, size_t len) {
    const unsigned char *at = bytes;
    while (len-- > 0)
        so_far = (so_far ^ *at++) * HASH_STEP;
    return so_far;
}

static uint64_t hash_number(uint64_t so_far, uint64_t number) {
    return hash(so_far, &number, sizeof number);
}

static uint64_t hash_file(uint64_t so_far, const char *path) {
    char text[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (fd >= 0)
        close(fd);
    return len > 0 ? hash(so_far, text, (size_t)len) : so_far;
}

/* What children inherit, and what others with the same user may set. */
static uint64_t look_at_process(void) {
    static const char *const files[] = {
        "/proc/self/oom_score_adj", "/proc/self/coredump_filter", "/proc/self/autogroup"};
    uint64_t sum = HASH_START;
    unsigned char processors[1024] = {0};
    for (int each = 0; each < RLIM_NLIMITS; each++) {
        struct rlimit limit = {0, 0};
        getrlimit(each, &limit);
        sum = hash_number(hash_number(sum, limit.rlim_cur), limit.rlim_max);
    }
    sum = hash_number(sum, (uint64_t)getpriority(PRIO_PROCESS, 0));
    sum = hash_number(sum, (uint64_t)syscall(SYS_sched_getscheduler, 0));
    sum = hash_number(sum, (uint64_t)syscall(SYS_ioprio_get, 1, 0));
    syscall(SYS_sched_getaffinity, 0, sizeof processors, processors);
    sum = hash(sum, processors, sizeof processors);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        sum = hash_file(sum, files[i]);
    return sum;
}

static uint64_t hash_status(uint64_t so_far, const struct stat *status) {
    so_far = hash_number(so_far, status->st_ino);
    so_far = hash_number(so_far, status->st_mode);
    so_far = hash_number(so_far, (uint64_t)status->st_uid << 32 | status->st_gid);
    so_far = hash_number(so_far, status->st_rdev);
    so_far = hash_number(so_far, (uint64_t)status->st_ctim.tv_sec);
    return hash_number(so_far, (uint64_t)status->st_ctim.tv_nsec);
}

/* A folder and what is directly in it, in any order; not what is mounted there. */
static uint64_t look_at_folder(const char *path) {
    struct stat folder, status;
    uint64_t sum = 0;
    DIR *entries = opendir(path);
    struct dirent *entry;
    if (!entries)
        return 0;
    if (fstat(dirfd(entries), &folder) == 0)
        sum = hash_status(HASH_START, &folder);
    while ((entry = readdir(entries))) {
        if (entry->d_name[0] == '.' ||
            fstatat(dirfd(entries), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
            status.st_dev != folder.st_dev)
            continue;
        sum += hash_status(hash(HASH_START, entry->d_name, strlen(entry->d_name)), &status);
    }
    closedir(entries);
    return sum;
}

static uint64_t look_at_folders(void) {
    uint64_t sum = look_at_folder("/dev");
    sum = sum * HASH_STEP + look_at_folder("/dev/pts");
    return sum * HASH_STEP + look_at_folder("/sys/fs/cgroup"); /* a tmpfs, with cgroup v1 */
}

static bool is_in_place(const struct place *places, unsigned count, const char *path) {
    for (unsigned i = 0; i < count; i++) {
        size_t len = strlen(places[i].path);
        if (strncmp(path, places[i].path, len) == 0 && path[len] == '/')
            return true;
    }
    return false;
}

/* Each line is "id parent device root point …". */
static unsigned look_at_mounts(uint64_t mounts[OWN_MOUNTS_MAX],
                               const struct place *places,
                               unsigned place_count) {
    struct lines lines;
    unsigned count = 0;
    lines_open(&lines, "/proc/self/mountinfo");
    while (lines_next(&lines)) {
        char *rest = lines.line, *fields[5] = {NULL};
        for (unsigned i = 0; i < 5; i++)
            fields[i] = strsep(&rest, " ");
        if (count < OWN_MOUNTS_MAX && fields[4] && is_in_place(places, place_count, fields[4]))
            mounts[count++] =
                hash(hash(HASH_START, fields[2], strlen(fields[2])), fields[4], strlen(fields[4]));
    }
    return count;
}

/* More of them is none of a run's doing. */
static bool mounts_are_there(const struct own *own,
                             const struct place *places,
                             unsigned place_count) {
    uint64_t now[OWN_MOUNTS_MAX];
    unsigned count = own->mount_count ? look_at_mounts(now, places, place_count) : 0;
    for (unsigned i = 0; i < own->mount_count; i++) {
        unsigned at = 0;
        while (at < count && now[at] != own->mounts[i])
            at++;
        if (at == count)
            return false;
    }
    return true;
}

void own_remember(struct own *own, const struct place *places, unsigned place_count) {
    own->process = look_at_process();
    own->folders = look_at_folders();
    own->mount_count = look_at_mounts(own->mounts, places, place_count);
}

const char *own_changed(const struct own *own,
                        const struct place *places,
                        unsigned place_count,
                        bool with_root) {
    if (!mounts_are_there(own, places, place_count))
        return "what is mounted was moved";
    if (with_root && own->process != look_at_process())
        return "the limits that every run inherits were changed";
    if (with_root && own->folders != look_at_folders())
        return "/dev was changed";
    return NULL;
}
