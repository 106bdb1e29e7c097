#include "tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

/* More than this is refused before anything is written: a small archive can unpack to
 * any size. */
#define MOST_BYTES   (512ll << 20)
#define MOST_ENTRIES 100000

static const char op[] = "sandbox.unpack";

struct enc_unpack {
    struct enc_sandbox *sandbox;
    struct enc_loop *loop;
    const void *tar;
    size_t len;
    char *folder;
    enc_deadline deadline;
    struct archive *archive;
    struct enc_transfer *transfer; /* the entry that is on its way */
    struct enc_timer nothing;      /* there was nothing to do */
    struct enc_buf path, bytes;
    void (*done)(void *data, const struct enclave_error *err);
    void *data;
};

static int no_archive(struct archive *archive, struct enclave_error *err) {
    const char *why = archive ? archive_error_string(archive) : NULL;
    return enc_fail(err,
                    ENCLAVE_INVALID,
                    op,
                    "archive: not a whole tar archive, plain or gzip: %s",
                    why ? why : "it ends too early");
}

static struct archive *open_tar(const void *tar, size_t len, struct enclave_error *err) {
    struct archive *archive = archive_read_new();
    if (!archive) {
        enc_fail_nomem(err, op);
        return NULL;
    }
    archive_read_support_format_tar(archive);
    archive_read_support_filter_gzip(archive);
    if (archive_read_open_memory(archive, tar, len) != ARCHIVE_OK) {
        no_archive(archive, err);
        archive_read_free(archive);
        return NULL;
    }
    return archive;
}

/* 1: an entry. 0: the end. */
static int next_entry(struct archive *archive,
                      struct archive_entry **entry,
                      struct enclave_error *err) {
    int got = archive_read_next_header(archive, entry);
    if (got == ARCHIVE_EOF)
        return 0;
    return got == ARCHIVE_OK || got == ARCHIVE_WARN ? 1 : no_archive(archive, err);
}

/* The name without "./" in front and "/" behind; "" is the folder itself. NULL: refused. */
static const char *name_of(struct archive_entry *entry, size_t *len, struct enclave_error *err) {
    const char *name = archive_entry_pathname_utf8(entry);
    if (!name)
        name = archive_entry_pathname(entry); /* bytes in no known encoding */
    if (!name || !*name) {
        enc_fail(err, ENCLAVE_INVALID, op, "archive: an entry has no name");
        return NULL;
    }
    if (*name == '/') {
        enc_fail(err,
                 ENCLAVE_INVALID,
                 op,
                 "archive: \"%.400s\" is an absolute name; expected a relative one",
                 name);
        return NULL;
    }
    for (const char *part = name; *part; part += strspn(part, "/")) {
        size_t size = strcspn(part, "/");
        if (size == 2 && part[0] == '.' && part[1] == '.') {
            enc_fail(err,
                     ENCLAVE_INVALID,
                     op,
                     "archive: \"%.400s\" has \"..\" in it; expected a name inside the folder",
                     name);
            return NULL;
        }
        part += size;
    }
    while (name[0] == '.' && (name[1] == '/' || !name[1]))
        name += 1 + strspn(name + 1, "/");
    *len = strlen(name);
    while (*len && name[*len - 1] == '/')
        --*len;
    return name;
}

static int check_kind(struct archive_entry *entry, const char *name, struct enclave_error *err) {
    if (archive_entry_hardlink(entry))
        return enc_fail(err,
                        ENCLAVE_INVALID,
                        op,
                        "archive: \"%.400s\" is a hard link; expected files, folders and "
                        "symbolic links",
                        name);
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
    case AE_IFDIR:
        return 0;
    case AE_IFLNK:
        if (archive_entry_symlink(entry) || archive_entry_symlink_utf8(entry))
            return 0;
        break;
    default:
        break;
    }
    return enc_fail(err,
                    ENCLAVE_INVALID,
                    op,
                    "archive: \"%.400s\" is a device or another special file; expected files, "
                    "folders and symbolic links",
                    name);
}

/* Reads all of it once, and refuses it as a whole. */
static int check(const void *tar, size_t len, struct enclave_error *err) {
    struct archive_entry *entry;
    long long bytes = 0, entries = 0;
    size_t name_len;
    int got;
    if (!len)
        return enc_fail(err, ENCLAVE_INVALID, op, "archive: it is empty; expected a tar archive");
    struct archive *archive = open_tar(tar, len, err);
    if (!archive)
        return -1;
    while ((got = next_entry(archive, &entry, err)) > 0) {
        const char *name = name_of(entry, &name_len, err);
        got = name ? check_kind(entry, name, err) : -1;
        if (got < 0)
            break;
        long long size = archive_entry_size(entry);
        if (size < 0 || size > MOST_BYTES - bytes || ++entries > MOST_ENTRIES) {
            got = enc_fail(err,
                           ENCLAVE_INVALID,
                           op,
                           "archive: it unpacks to more than %lld MiB or %d entries",
                           MOST_BYTES >> 20,
                           MOST_ENTRIES);
            break;
        }
        bytes += size;
        if (archive_read_data_skip(archive) < ARCHIVE_WARN) {
            got = no_archive(archive, err);
            break;
        }
    }
    archive_read_free(archive);
    return got;
}

/* ---- writing, one entry after the other ------------------------------------------------ */

static void unpack_free(struct enc_unpack *unpack) {
    if (unpack->transfer)
        enc_transfer_cancel(unpack->transfer);
    enc_timer_stop(unpack->loop, &unpack->nothing);
    archive_read_free(unpack->archive);
    enc_buf_free(&unpack->path);
    enc_buf_free(&unpack->bytes);
    free(unpack->folder);
    free(unpack);
}

void enc_unpack_cancel(struct enc_unpack *unpack) {
    unpack_free(unpack);
}

static void end(struct enc_unpack *unpack, const struct enclave_error *err) {
    void (*done)(void *data, const struct enclave_error *err) = unpack->done;
    void *data = unpack->data;
    unpack_free(unpack);
    done(data, err);
}

static int read_bytes(struct enc_unpack *unpack, size_t size, struct enclave_error *err) {
    unpack->bytes.len = 0;
    if (!enc_buf_reserve(&unpack->bytes, size))
        return enc_fail_nomem(err, op);
    while (unpack->bytes.len < size) {
        la_ssize_t got = archive_read_data(
            unpack->archive, unpack->bytes.data + unpack->bytes.len, size - unpack->bytes.len);
        if (got < 0)
            return no_archive(unpack->archive, err);
        if (got == 0) { /* the rest of a sparse file is a hole */
            got = (la_ssize_t)(size - unpack->bytes.len);
            memset(unpack->bytes.data + unpack->bytes.len, 0, (size_t)got);
        }
        unpack->bytes.len += (size_t)got;
    }
    return 0;
}

static void on_put(void *data, struct enc_transfer *transfer, const struct enclave_error *err);

/* 1: an entry is on its way. 0: there are no more. */
static int put_next(struct enc_unpack *unpack, struct enclave_error *err) {
    struct archive_entry *entry;
    const char *name;
    size_t len = 0;
    int got;
    do {
        if ((got = next_entry(unpack->archive, &entry, err)) <= 0)
            return got;
        if (!(name = name_of(entry, &len, err)) || check_kind(entry, name, err) < 0)
            return -1;
    } while (!len);

    unpack->path.len = 0;
    bool slash = *unpack->folder && unpack->folder[strlen(unpack->folder) - 1] != '/';
    if (!enc_buf_printf(
            &unpack->path, "%s%s%.*s", unpack->folder, slash ? "/" : "", (int)len, name))
        return enc_fail_nomem(err, op);
    enum enc_transfer_kind kind = ENC_PUT_FILE;
    const char *bytes = "";
    size_t size = 0;
    if (archive_entry_filetype(entry) == AE_IFDIR) {
        kind = ENC_PUT_FOLDER;
    } else if (archive_entry_filetype(entry) == AE_IFLNK) {
        kind = ENC_PUT_LINK;
        bytes = archive_entry_symlink_utf8(entry);
        if (!bytes)
            bytes = archive_entry_symlink(entry);
        unpack->bytes.len = 0;
        size = strlen(bytes);
        if (!enc_buf_append(&unpack->bytes, bytes, size))
            return enc_fail_nomem(err, op);
    } else {
        size = (size_t)archive_entry_size(entry);
        if (read_bytes(unpack, size, err) < 0)
            return -1;
    }
    unpack->transfer = enc_sandbox_put(unpack->sandbox,
                                       kind,
                                       unpack->path.data,
                                       archive_entry_perm(entry) & 0777,
                                       size ? unpack->bytes.data : "",
                                       size,
                                       unpack->deadline,
                                       on_put,
                                       unpack,
                                       err);
    return unpack->transfer ? 1 : -1;
}

static void on_put(void *data, struct enc_transfer *transfer, const struct enclave_error *err) {
    struct enc_unpack *unpack = data;
    struct enclave_error failed;
    (void)transfer;
    unpack->transfer = NULL;
    if (err) {
        end(unpack, err);
        return;
    }
    int got = put_next(unpack, &failed);
    if (got <= 0)
        end(unpack, got < 0 ? &failed : NULL);
}

static void on_nothing(struct enc_timer *timer) {
    end(ENC_CONTAINER_OF(timer, struct enc_unpack, nothing), NULL);
}

struct enc_unpack *enc_sandbox_unpack(struct enc_sandbox *sandbox,
                                      const void *tar,
                                      size_t len,
                                      const char *folder,
                                      enc_deadline deadline,
                                      void (*done)(void *data, const struct enclave_error *err),
                                      void *data,
                                      struct enclave_error *err) {
    if (check(tar, len, err) < 0)
        return NULL;
    struct enc_unpack *unpack = calloc(1, sizeof *unpack);
    if (!unpack) {
        enc_fail_nomem(err, op);
        return NULL;
    }
    unpack->sandbox = sandbox;
    unpack->loop = sandbox->host->loop;
    unpack->tar = tar;
    unpack->len = len;
    unpack->deadline = deadline;
    unpack->done = done;
    unpack->data = data;
    unpack->nothing.fire = on_nothing;
    unpack->folder = strdup(folder ? folder : "");
    unpack->archive = open_tar(tar, len, err);
    if (!unpack->folder && unpack->archive)
        enc_fail_nomem(err, op);
    int got = unpack->folder && unpack->archive ? put_next(unpack, err) : -1;
    if (got == 0 && enc_timer_start(unpack->loop, &unpack->nothing, 0) < 0)
        got = enc_fail_nomem(err, op);
    if (got < 0) {
        unpack_free(unpack);
        return NULL;
    }
    return unpack;
}
