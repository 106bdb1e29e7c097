#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "tar.h"

#define MOST_BYTES (512ull << 20)

static const char op[] = "archive";

static la_ssize_t on_bytes(struct archive *archive, void *data, const void *bytes, size_t len) {
    struct enc_buf *tar = data;
    if (tar->len + len > MOST_BYTES + (64u << 20) || !enc_buf_append(tar, bytes, len)) {
        archive_set_error(archive, ENOMEM, "it is too large");
        return -1;
    }
    return (la_ssize_t)len;
}

static int failed(const char *path, const char *why, struct enclave_error *err) {
    enum enclave_code code = errno == ENOENT ? ENCLAVE_NOT_FOUND : ENCLAVE_INVALID;
    return enc_fail(err, code, op, "%.600s: %s", path, why ? why : "it cannot be read");
}

/* The file may change meanwhile: what is missing is filled with zeros, what is more is left. */
static int add_bytes(struct archive *out,
                     const char *path,
                     struct archive_entry *entry,
                     struct enclave_error *err) {
    char buffer[65536];
    long long left = archive_entry_size(entry);
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return failed(path, strerror(errno), err);
    int result = 0;
    while (left > 0 && result == 0) {
        size_t want = left < (long long)sizeof buffer ? (size_t)left : sizeof buffer;
        ssize_t got = read(file, buffer, want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            result = got < 0 ? failed(path, strerror(errno), err) : 0;
            break;
        }
        if (archive_write_data(out, buffer, (size_t)got) < 0)
            result = failed(path, archive_error_string(out), err);
        left -= got;
    }
    close(file);
    return result;
}

static int add_entry(struct archive *out,
                     struct archive_entry *entry,
                     size_t root_len,
                     struct enclave_error *err) {
    ENC_AUTO_FREE char *path = strdup(archive_entry_sourcepath(entry));
    if (!path)
        return enc_fail_nomem(err, op);
    const char *name = path + root_len + strspn(path + root_len, "/");
    unsigned type = archive_entry_filetype(entry);
    if (!*name)
        return 0; /* the folder itself */
    if (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK)
        return enc_fail(err,
                        ENCLAVE_INVALID,
                        op,
                        "%.600s: a device or another special file; expected files, folders and "
                        "symbolic links",
                        path);
    archive_entry_copy_pathname(entry, name);
    archive_entry_set_uid(entry, 0);
    archive_entry_set_gid(entry, 0);
    archive_entry_set_uname(entry, NULL);
    archive_entry_set_gname(entry, NULL);
    archive_entry_acl_clear(entry);
    archive_entry_xattr_clear(entry);
    archive_entry_set_fflags(entry, 0, 0);
    archive_entry_sparse_clear(entry);
    if (archive_write_header(out, entry) < ARCHIVE_WARN)
        return failed(path, archive_error_string(out), err);
    return type == AE_IFREG ? add_bytes(out, path, entry, err) : 0;
}

static int add_all(struct archive *disk,
                   struct archive *out,
                   struct archive_entry *entry,
                   const char *root,
                   struct enclave_error *err) {
    size_t root_len = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (archive_read_disk_open(disk, root) != ARCHIVE_OK)
        return failed(root, archive_error_string(disk), err);
    for (;;) {
        archive_entry_clear(entry);
        int got = archive_read_next_header2(disk, entry);
        if (got == ARCHIVE_EOF)
            return 0;
        if (got < ARCHIVE_WARN) {
            errno = archive_errno(disk);
            return failed(root, archive_error_string(disk), err);
        }
        if (add_entry(out, entry, root_len, err) < 0)
            return -1;
        if (archive_read_disk_can_descend(disk) && archive_read_disk_descend(disk) < ARCHIVE_WARN)
            return failed(root, archive_error_string(disk), err);
    }
}

/* A tar whose entries add writes. */
static int pack(int (*add)(struct archive *out,
                           struct archive_entry *entry,
                           const void *what,
                           struct enclave_error *err),
                const void *what,
                struct enc_buf *tar,
                struct enclave_error *err) {
    struct archive *out = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    struct enc_buf made = {0};
    int result = -1;
    if (!out || !entry) {
        enc_fail_nomem(err, op);
        goto end;
    }
    archive_write_set_format_pax_restricted(out);
    archive_write_set_bytes_in_last_block(out, 1);
    if (archive_write_open(out, &made, NULL, on_bytes, NULL) != ARCHIVE_OK)
        failed("tar", archive_error_string(out), err);
    else if (add(out, entry, what, err) == 0)
        result = archive_write_close(out) == ARCHIVE_OK
                     ? 0
                     : failed("tar", archive_error_string(out), err);
    if (result == 0) {
        enc_buf_free(tar);
        *tar = enc_buf_steal(&made);
    }
end:
    archive_entry_free(entry);
    archive_write_free(out);
    enc_buf_free(&made);
    return result;
}

static int add_folder(struct archive *out,
                      struct archive_entry *entry,
                      const void *root,
                      struct enclave_error *err) {
    struct archive *disk = archive_read_disk_new();
    if (!disk)
        return enc_fail_nomem(err, op);
    archive_read_disk_set_symlink_physical(disk);
    archive_read_disk_set_behavior(
        disk, ARCHIVE_READDISK_NO_ACL | ARCHIVE_READDISK_NO_XATTR | ARCHIVE_READDISK_NO_FFLAGS);
    int result = add_all(disk, out, entry, root, err);
    archive_read_free(disk);
    return result;
}

int enc_archive_folder(const char *folder, struct enc_buf *tar, struct enclave_error *err) {
    struct stat about;
    ENC_AUTO_FREE char *root = realpath(folder, NULL);
    if (!root || stat(root, &about) < 0)
        return failed(folder, strerror(errno), err);
    errno = 0;
    return S_ISDIR(about.st_mode) ? pack(add_folder, root, tar, err)
                                  : failed(folder, "not a folder", err);
}

struct files {
    const struct enc_tar_file *list;
    size_t count;
};

static int add_files(struct archive *out,
                     struct archive_entry *entry,
                     const void *what,
                     struct enclave_error *err) {
    const struct files *files = what;
    for (size_t i = 0; i < files->count; i++) {
        const struct enc_tar_file *file = &files->list[i];
        archive_entry_clear(entry);
        archive_entry_copy_pathname(entry, file->name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (la_int64_t)file->len);
        if (archive_write_header(out, entry) < ARCHIVE_WARN ||
            archive_write_data(out, file->bytes, file->len) < 0)
            return failed(file->name, archive_error_string(out), err);
    }
    return 0;
}

int enc_archive_files(const struct enc_tar_file *list,
                      size_t count,
                      struct enc_buf *tar,
                      struct enclave_error *err) {
    errno = 0;
    return pack(add_files, &(struct files){list, count}, tar, err);
}
