/* files.h - files of the run's user, with that user's rights and not the agent's: its own
 * symbolic links lead where the user itself could go, and no further. Only regular files
 * are read or written: nothing that could block. Paths are relative to the work folder
 * or absolute; missing parents are made. All return -1 with errno. */
#ifndef AGENT_FILES_H
#define AGENT_FILES_H

#include <stddef.h>

#include "spawn.h"

struct agent;

/* A file to write, emptied, with this mode; an old one that belongs to somebody else
 * keeps its own. */
int files_create(const struct agent *agent,
                 const struct identity *identity,
                 const char *path,
                 unsigned mode);
int files_write(const struct agent *agent,
                const struct identity *identity,
                const char *path,
                unsigned mode,
                const void *bytes,
                size_t len);
int files_open(const struct agent *agent, const struct identity *identity, const char *path);
int files_make_folder(const struct agent *agent,
                      const struct identity *identity,
                      const char *path,
                      unsigned mode);
int files_make_link(const struct agent *agent,
                    const struct identity *identity,
                    const char *path,
                    const char *target);

/* All of the bytes. */
int files_write_all(int fd, const void *bytes, size_t len);

#endif
