#include "owner.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* FNV-1a */
static uint64_t hash(uint64_t so_far, const char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++)
        so_far = (so_far ^ (unsigned char)bytes[i]) * 0x100000001b3ull;
    return so_far;
}

static size_t read_start(const char *path, char *into, size_t max) {
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(into, 1, max - 1, file) : 0;
    if (file)
        fclose(file);
    into[len] = '\0';
    return len;
}

/* Copies of a machine may share its id, containers may share both id and name: all of it
 * together tells apart what must not be mixed up. */
static uint64_t host_id(void) {
    char text[256];
    struct utsname name;
    uint64_t id = 0xcbf29ce484222325ull;
    size_t len = read_start("/etc/machine-id", text, sizeof text);
    if (len < 32)
        len = read_start("/proc/sys/kernel/random/boot_id", text, sizeof text);
    id = hash(id, text, len);
    ssize_t link = readlink("/proc/self/ns/pid", text, sizeof text);
    if (link > 0)
        id = hash(id, text, (size_t)link);
    if (uname(&name) == 0)
        id = hash(id, name.nodename, strlen(name.nodename));
    return (id ^ id >> 48) & 0xffffffffffffull;
}

#define ENDED 1 /* nothing starts so early */

/* In clock ticks since the machine started; ENDED: nobody has waited for it; 0: there is none to
 * be seen. */
static unsigned long long start_time(long pid) {
    char path[48], text[1024];
    unsigned long long start = 0;
    char state = 'Z';
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    if (!read_start(path, text, sizeof text))
        return 0;
    /* The second field, the name in brackets, may hold anything. */
    const char *at = strrchr(text, ')');
    if (!at || sscanf(at + 1,
                      " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                      "%*s %llu",
                      &state,
                      &start) != 2)
        return 0;
    return state == 'Z' || state == 'X' ? ENDED : start;
}

void enc_owner_make(char owner[40]) {
    long pid = (long)getpid();
    snprintf(owner, 40, "%012" PRIx64 "-%ld-%llu", host_id(), pid, start_time(pid));
}

bool enc_owner_is_dead(const char *owner) {
    char *end;
    if (!owner || strspn(owner, "0123456789abcdef") != 12 || owner[12] != '-')
        return false;
    if (strtoull(owner, NULL, 16) != host_id() || access("/proc/self/stat", R_OK) != 0)
        return false;
    long pid = strtol(owner + 13, &end, 10);
    if (pid <= 0 || *end != '-' || !end[1])
        return false;
    unsigned long long start = strtoull(end + 1, &end, 10), now = start_time(pid);
    if (*end)
        return false;
    /* A /proc that was mounted with hidepid shows no process of another user. */
    return now ? now != start : kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}
