/* lines.h - the lines of a file of /proc, one after the other, however it gives them. */
#ifndef AGENT_LINES_H
#define AGENT_LINES_H

#include <stddef.h>

struct lines {
    int fd; /* -1: it is at its end, and closed */
    size_t at, len;
    char buffer[2048], line[2048];
};

/* A file that cannot be opened has no lines. Read it to its end: that closes it. */
void lines_open(struct lines *lines, const char *path);

/* lines->line, without its end; what is too long for it is cut. NULL: there are no more. */
char *lines_next(struct lines *lines);

#endif
