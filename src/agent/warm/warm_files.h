/* warm_files.h - the files that warm processes load, carried inside the agent: they need
 * no place in the image. Built with the assembler's search path (-Wa,-I) holding
 * src/agent and the folder of warm_entry.so, which is all of src/agent/entry linked as a
 * shared library without a C library. */
#ifndef AGENT_WARM_FILES_H
#define AGENT_WARM_FILES_H

/* A file in memory, sealed against writing; named for /proc. -1: errno. */
int warm_file_entry(void);
/* The same: a ZIP archive with the Python server as sitecustomize.py. */
int warm_file_python(void);

#endif
