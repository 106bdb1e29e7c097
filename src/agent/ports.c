#include "ports.h"

#include <stdlib.h>
#include <string.h>

#include "lines.h"

/* Whether the line "TCP: inuse 1 orphan 0 tw 2 ..." counts anything of this name. */
static bool counts(const char *line, const char *protocol, const char *name) {
    const char *at = strncmp(line, protocol, strlen(protocol)) == 0 ? strstr(line, name) : NULL;
    return at && strtoul(at + strlen(name), NULL, 10) > 0;
}

bool ports_are_used(void) {
    struct lines lines;
    bool found = false;
    lines_open(&lines, "/proc/net/sockstat");
    while (lines_next(&lines))
        found |= counts(lines.line, "TCP:", " inuse ") || counts(lines.line, "TCP:", " tw ");
    lines_open(&lines, "/proc/net/sockstat6");
    while (lines_next(&lines))
        found |= counts(lines.line, "TCP6:", " inuse ");
    return found;
}

/* In words of the machine's byte order, as the kernel writes it: 127.0.0.0/8, ::1 and
 * ::ffff:127.0.0.0/104. */
static bool is_loopback(const char *address, size_t len) {
    if (len == 8)
        return memcmp(address + 6, "7F", 2) == 0;
    return len == 32 && (memcmp(address, "00000000000000000000000001000000", 32) == 0 ||
                         (memcmp(address, "0000000000000000FFFF0000", 24) == 0 &&
                          memcmp(address + 30, "7F", 2) == 0));
}

/* "  0: address:port address:port state ..." */
static bool holds(const char *line, unsigned long first_picked) {
    const char *local = strchr(line, ':');
    const char *port = local ? strchr(local + 1, ':') : NULL;
    const char *remote = port ? strchr(port, ' ') : NULL;
    if (!remote)
        return false; /* the heading */
    remote++;
    return strtoul(port + 1, NULL, 16) < first_picked || is_loopback(remote, strcspn(remote, ":"));
}

bool ports_are_held(void) {
    static const char *const tables[] = {"/proc/net/tcp", "/proc/net/tcp6"};
    struct lines lines;
    unsigned long first_picked = 32768;
    bool held = false;
    if (!ports_are_used())
        return false;
    lines_open(&lines, "/proc/sys/net/ipv4/ip_local_port_range");
    while (lines_next(&lines))
        first_picked = strtoul(lines.line, NULL, 10);
    for (unsigned i = 0; i < 2; i++) {
        lines_open(&lines, tables[i]);
        while (lines_next(&lines))
            held |= holds(lines.line, first_picked);
    }
    return held;
}
