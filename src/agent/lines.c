#include "lines.h"

#include <fcntl.h>
#include <unistd.h>

void lines_open(struct lines *lines, const char *path) {
    lines->at = lines->len = 0;
    lines->fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

char *lines_next(struct lines *lines) {
    size_t used = 0;
    while (lines->fd >= 0) {
        if (lines->at == lines->len) {
            ssize_t got = read(lines->fd, lines->buffer, sizeof lines->buffer);
            if (got <= 0) {
                close(lines->fd);
                lines->fd = -1;
                break;
            }
            lines->at = 0;
            lines->len = (size_t)got;
        }
        char byte = lines->buffer[lines->at++];
        if (byte == '\n') {
            lines->line[used] = '\0';
            return lines->line;
        }
        if (used < sizeof lines->line - 1)
            lines->line[used++] = byte;
    }
    return NULL;
}
