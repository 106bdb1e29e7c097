/* tar.h - many files at once: a tar into a sandbox, files or a host folder into a tar. The
 * archive is read here, by libarchive; inside, each entry is put with the rights of
 * the sandbox's user, so nothing in it can reach further than that user. */
#ifndef ENC_TAR_H
#define ENC_TAR_H

#include "sandbox.h"

struct enc_unpack;

/* tar: plain or gzip; borrowed until done. Entries land under folder (relative to the
 * work folder or absolute). Names that are absolute or hold ".." are INVALID, and so
 * are empty input and what is no tar; nothing is written then. */
struct enc_unpack *enc_sandbox_unpack(struct enc_sandbox *sandbox,
                                      const void *tar,
                                      size_t len,
                                      const char *folder,
                                      enc_deadline deadline,
                                      void (*done)(void *data, const struct enclave_error *err),
                                      void *data,
                                      struct enclave_error *err);
void enc_unpack_cancel(struct enc_unpack *unpack);

/* The content of a host folder as a tar (files, folders, symbolic links as such; modes
 * kept, owners not). Blocks on the host's disk. */
int enc_archive_folder(const char *folder, struct enc_buf *tar, struct enclave_error *err);

struct enc_tar_file {
    const char *name;
    const void *bytes;
    size_t len;
};

/* Files of memory as a tar, readable by all; folders in their names need no entry. */
int enc_archive_files(const struct enc_tar_file *files,
                      size_t count,
                      struct enc_buf *tar,
                      struct enclave_error *err);

#endif
