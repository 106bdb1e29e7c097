/* Users by number or by the image's own files. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spawn.h"

#define FILE_MAX_BYTES 65536

/* A number that fills text up to end. -1: it is none. */
static long long parse_number(const char *text, const char *end) {
    long long number = 0;
    if (text == end || end - text > 10)
        return -1;
    for (; text < end; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        number = number * 10 + (*text - '0');
    }
    return number < 0xffffffffll ? number : -1;
}

static char *read_file(const char *path) {
    char *bytes = malloc(FILE_MAX_BYTES + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t len = 0;
    ssize_t got;
    if (bytes && fd >= 0) {
        while (len < FILE_MAX_BYTES && (got = read(fd, bytes + len, FILE_MAX_BYTES - len)) > 0)
            len += (size_t)got;
        bytes[len] = '\0';
    }
    if (fd < 0) {
        free(bytes);
        bytes = NULL;
    } else {
        close(fd);
    }
    return bytes;
}

/* The fields of one line of a colon-separated file. */
#define FIELDS 7
struct line {
    const char *at[FIELDS], *end[FIELDS];
    unsigned count;
};

static const char *next_line(const char *text, struct line *line) {
    if (*text == '\0')
        return NULL;
    const char *end = text + strcspn(text, "\n");
    line->count = 0;
    while (line->count < FIELDS) {
        size_t len = strcspn(text, ":\n");
        line->at[line->count] = text;
        line->end[line->count++] = text + len;
        if (text + len == end)
            break;
        text += len + 1;
    }
    return *end ? end + 1 : end;
}

static bool is(const struct line *line, unsigned field, const char *name, size_t len) {
    return line->count > field && (size_t)(line->end[field] - line->at[field]) == len &&
           memcmp(line->at[field], name, len) == 0;
}

/* The line of this name, or of this number when name is none. */
static bool find_line(const char *file, const char *name, size_t len, struct line *line) {
    for (const char *at = file; (at = next_line(at, line));) {
        if (line->count >= 3 && is(line, 0, name, len))
            return true;
    }
    for (const char *at = file; (at = next_line(at, line));) {
        if (line->count >= 3 && is(line, 2, name, len))
            return true;
    }
    return false;
}

/* Groups that list the name as a member. */
static void add_groups(struct identity *identity, const char *file, const char *name, size_t len) {
    struct line line;
    for (const char *at = file; (at = next_line(at, &line));) {
        long long gid = line.count >= 4 ? parse_number(line.at[2], line.end[2]) : -1;
        if (gid < 0)
            continue;
        for (const char *member = line.at[3]; member < line.end[3];) {
            size_t part = strcspn(member, ",:\n");
            if (part == len && memcmp(member, name, len) == 0 &&
                identity->group_count < SPAWN_GROUPS_MAX)
                identity->groups[identity->group_count++] = (gid_t)gid;
            member += part + 1;
        }
    }
}

static int find_user(struct identity *identity, const char *text, size_t len, bool want_groups) {
    char *users = read_file("/etc/passwd");
    char *groups = want_groups ? read_file("/etc/group") : NULL;
    long long uid = parse_number(text, text + len), gid = 0;
    struct line line;
    if (users && find_line(users, text, len, &line)) {
        uid = parse_number(line.at[2], line.end[2]);
        gid = line.count > 3 ? parse_number(line.at[3], line.end[3]) : 0;
        size_t home = line.count > 5 ? (size_t)(line.end[5] - line.at[5]) : 0;
        if (home > 0 && home < sizeof identity->home)
            memcpy(identity->home, line.at[5], home);
        if (groups)
            add_groups(identity, groups, line.at[0], (size_t)(line.end[0] - line.at[0]));
    }
    free(users);
    free(groups);
    if (uid < 0 || gid < 0)
        return -1;
    identity->uid = (uid_t)uid;
    identity->gid = (gid_t)gid;
    return 0;
}

static int find_group(struct identity *identity, const char *text) {
    long long gid = parse_number(text, text + strlen(text));
    char *groups = gid < 0 ? read_file("/etc/group") : NULL;
    struct line line;
    if (groups && find_line(groups, text, strlen(text), &line))
        gid = parse_number(line.at[2], line.end[2]);
    free(groups);
    identity->gid = (gid_t)gid;
    return gid < 0 ? -1 : 0;
}

int identity_parse(struct identity *identity, const char *text) {
    size_t user_len = strcspn(text, ":");
    bool has_group = text[user_len] == ':';
    memset(identity, 0, sizeof *identity);
    if (user_len == 0 || find_user(identity, text, user_len, !has_group) < 0 ||
        (has_group && find_group(identity, text + user_len + 1) < 0)) {
        errno = EINVAL;
        return -1;
    }
    return 0;
}
