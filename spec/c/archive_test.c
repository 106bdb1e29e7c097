/* Archives into a sandbox and folders into an archive, on the fake driver. */
#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "tar.h"

struct box {
    struct fixture f;
    struct enc_sandbox *sandbox;
    bool ready, gone;
    unsigned done;
    bool failed;
    struct enclave_error err;
};

static void on_ready(void *data, struct enc_sandbox *sandbox) {
    (void)sandbox;
    ((struct box *)data)->ready = true;
}
static void on_broken(void *data, struct enc_sandbox *sandbox, const struct enclave_error *err) {
    (void)data, (void)sandbox, (void)err;
}
static void on_gone(void *data, struct enc_sandbox *sandbox) {
    (void)sandbox;
    ((struct box *)data)->gone = true;
}
static const struct enc_sandbox_events events = {on_ready, on_broken, on_gone};

static void box_open(struct box *box) {
    *box = (struct box){0};
    fixture_open(&box->f, NULL, NULL);
    box->sandbox = enc_sandbox_new(box->f.host, box->f.config, NULL, &events, box, NULL);
    UNTIL(box->f.loop, box->ready);
}

static void box_close(struct box *box) {
    enc_sandbox_destroy(box->sandbox, NULL);
    UNTIL(box->f.loop, box->gone);
    fixture_close(&box->f);
}

static void on_done(void *data, const struct enclave_error *err) {
    struct box *box = data;
    box->done++;
    box->failed = err != NULL;
    if (err)
        box->err = *err;
}

/* ---- making archives ------------------------------------------------------------------ */

struct item {
    const char *name;
    unsigned type;
    const char *content; /* or target */
};

static la_ssize_t on_bytes(struct archive *archive, void *data, const void *bytes, size_t len) {
    (void)archive;
    assert_true(enc_buf_append(data, bytes, len));
    return (la_ssize_t)len;
}

static struct enc_buf tar_of(const struct item *items, bool gzip) {
    struct enc_buf tar = {0};
    struct archive *out = archive_write_new();
    archive_write_set_format_gnutar(out);
    if (gzip)
        archive_write_add_filter_gzip(out);
    archive_write_open(out, &tar, NULL, on_bytes, NULL);
    for (; items->name; items++) {
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, items->name);
        archive_entry_set_filetype(entry, items->type ? items->type : AE_IFREG);
        archive_entry_set_perm(entry, 0750);
        if (items->type == AE_IFLNK)
            archive_entry_set_symlink(entry, items->content);
        else if (!items->type && items->content && *items->content == '=')
            archive_entry_set_hardlink(entry, items->content + 1);
        else if (items->content)
            archive_entry_set_size(entry, (la_int64_t)strlen(items->content));
        assert_true(archive_write_header(out, entry) >= ARCHIVE_WARN);
        if (!items->type && items->content && *items->content != '=')
            archive_write_data(out, items->content, strlen(items->content));
        archive_entry_free(entry);
    }
    archive_write_close(out);
    archive_write_free(out);
    return tar;
}

static char *got;
static size_t got_len;
static void on_got(void *data, struct enc_transfer *transfer, const struct enclave_error *err) {
    (void)data;
    got_len = transfer->got.len;
    got = err ? strdup("(none)") : enc_buf_steal(&transfer->got).data;
}

static void check_file(struct box *box, const char *path, const char *content) {
    got = NULL;
    assert_non_null(enc_sandbox_get(box->sandbox, path, 1000, ENC_NEVER, on_got, NULL, NULL));
    UNTIL(box->f.loop, got);
    assert_string_equal(got, content);
    free(got);
}

static json_int_t files(struct box *box) {
    json_t *json = enc_sandbox_describe(box->sandbox);
    json_int_t count =
        json_integer_value(json_object_get(json_object_get(json, "metadata"), "files"));
    json_decref(json);
    return count;
}

static const struct item some[] = {{"./", AE_IFDIR, NULL},
                                   {"./a.txt", 0, "hello"},
                                   {"dir/", AE_IFDIR, NULL},
                                   {"dir/gr\xc3\xbc\xc3\x9f.txt", 0, "utf"},
                                   {"dir/\xff\xfe", 0, "bytes"},
                                   {"dir/..hidden", 0, "dots"},
                                   {"empty", 0, NULL},
                                   {"link", AE_IFLNK, "/etc/passwd"},
                                   {0}};

static void unpack_some(bool gzip, const char *folder, const char *prefix) {
    struct box box;
    struct enclave_error err = {0};
    char path[100];
    struct enc_buf tar = tar_of(some, gzip);
    box_open(&box);
    if (!enc_sandbox_unpack(box.sandbox, tar.data, tar.len, folder, ENC_NEVER, on_done, &box, &err))
        fail_msg("%s", err.message);
    assert_int_equal(box.done, 0);
    UNTIL(box.f.loop, box.done);
    assert_false(box.failed);
    for (const struct item *item = some + 1; item->name; item++) {
        snprintf(path,
                 sizeof path,
                 "%s%s",
                 prefix,
                 strncmp(item->name, "./", 2) == 0 ? item->name + 2 : item->name);
        if (item->type != AE_IFDIR)
            check_file(&box, path, item->content ? item->content : "");
    }
    assert_int_equal(files(&box), 7);
    enc_buf_free(&tar);
    box_close(&box);
}

static void test_unpack(void **state) {
    (void)state;
    unpack_some(false, "data", "data/");
    unpack_some(true, "/abs/", "/abs/");
    unpack_some(true, NULL, "");
}

static void check_refused(const void *tar, size_t len, const char *part) {
    struct box box;
    struct enclave_error err = {0};
    box_open(&box);
    assert_null(enc_sandbox_unpack(box.sandbox, tar, len, "", ENC_NEVER, on_done, &box, &err));
    assert_int_equal(err.code, ENCLAVE_INVALID);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" lacks \"%s\"", err.message, part);
    assert_int_equal(files(&box), 0);
    box_close(&box);
    assert_int_equal(box.done, 0);
}

static void test_refused_names(void **state) {
    (void)state;
    static const struct item bad[][3] = {
        {{"good", 0, "x"}, {"/etc/passwd", 0, "x"}},
        {{"good", 0, "x"}, {"../up", 0, "x"}},
        {{"good", 0, "x"}, {"a/../../up", 0, "x"}},
        {{"good", 0, "x"}, {"a/..", AE_IFDIR, NULL}},
        {{"good", 0, "x"}, {"again", 0, "=good"}},
        {{"good", 0, "x"}, {"null", AE_IFCHR, NULL}},
        {{"good", 0, "x"}, {"pipe", AE_IFIFO, NULL}},
    };
    static const char *const parts[] = {"\"/etc/passwd\" is an absolute name",
                                        "\"../up\" has \"..\"",
                                        "\"a/../../up\" has \"..\"",
                                        "has \"..\"",
                                        "\"again\" is a hard link",
                                        "\"null\" is a device",
                                        "\"pipe\" is a device"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct enc_buf tar = tar_of(bad[i], i % 2);
        check_refused(tar.data, tar.len, parts[i]);
        enc_buf_free(&tar);
    }
}

/* The checksum of a header that was changed. */
static void set_sum(char *header) {
    unsigned sum = 8 * ' ';
    for (int i = 0; i < 512; i++)
        sum += i < 148 || i >= 156 ? (unsigned char)header[i] : 0;
    snprintf(header + 148, 8, "%06o", sum);
}

static void test_no_tar(void **state) {
    (void)state;
    check_refused("", 0, "it is empty");
    check_refused("hello, this is no tar", 21, "not a whole tar archive");
    for (int gzip = 0; gzip < 2; gzip++) {
        struct enc_buf tar = tar_of(some, gzip);
        check_refused(tar.data, gzip ? 100 : 1100, "not a whole tar archive");
        enc_buf_free(&tar);
    }
    /* A header that promises 8 GiB. */
    struct enc_buf tar = tar_of((const struct item[]){{"big", 0, "x"}, {0}}, false);
    memcpy(tar.data + 124, "77777777777", 11);
    set_sum(tar.data);
    check_refused(tar.data, tar.len, "more than 512 MiB");
    enc_buf_free(&tar);
}

/* A sparse file of GNU tar that is nothing but a hole. */
static void test_a_hole(void **state) {
    (void)state;
    struct box box;
    struct enc_buf tar = tar_of((const struct item[]){{"file", 0, NULL}, {0}}, false);
    tar.data[156] = 'S';
    snprintf(tar.data + 386, 12, "%011o", 700u); /* where the bytes are, */
    snprintf(tar.data + 398, 12, "%011o", 0u);   /* how many, */
    snprintf(tar.data + 483, 12, "%011o", 700u); /* and the size with the holes */
    set_sum(tar.data);
    box_open(&box);
    struct enclave_error err = {0};
    if (!enc_sandbox_unpack(box.sandbox, tar.data, tar.len, "", ENC_NEVER, on_done, &box, &err))
        fail_msg("%s", err.message);
    UNTIL(box.f.loop, box.done);
    assert_false(box.failed);
    check_file(&box, "file", "");
    assert_int_equal(got_len, 700);
    enc_buf_free(&tar);
    box_close(&box);
}

static void test_an_end_in_between(void **state) {
    (void)state;
    struct box box;
    struct enc_buf tar = tar_of(some, false);
    struct enclave_error lost = {.code = ENCLAVE_LOST};
    box_open(&box);
    enc_unpack_cancel(
        enc_sandbox_unpack(box.sandbox, tar.data, tar.len, "", ENC_NEVER, on_done, &box, NULL));
    turn_for(box.f.loop, SECONDS(0.03));
    assert_int_equal(box.done, 0);
    assert_non_null(
        enc_sandbox_unpack(box.sandbox, tar.data, tar.len, "", ENC_NEVER, on_done, &box, NULL));
    enc_sandbox_broken(box.sandbox, &lost);
    assert_int_equal(box.done, 1);
    assert_int_equal(box.err.code, ENCLAVE_LOST);
    enc_buf_free(&tar);
    box_close(&box);
    /* nothing in it */
    static const char zeros[1024];
    box_open(&box);
    assert_non_null(
        enc_sandbox_unpack(box.sandbox, zeros, sizeof zeros, "", ENC_NEVER, on_done, &box, NULL));
    UNTIL(box.f.loop, box.done);
    assert_false(box.failed);
    box_close(&box);
}

/* ---- folders of the host --------------------------------------------------------------- */

static void write_file(const char *folder, const char *name, const char *text, unsigned mode) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    chmod(path, mode);
}

static void test_folder(void **state) {
    (void)state;
    char folder[] = "/tmp/enclave-archive-XXXXXX", path[200], command[100];
    struct enc_buf tar = {0};
    struct enclave_error err = {0};
    assert_non_null(mkdtemp(folder));
    write_file(folder, "a.txt", "hello", 0640);
    write_file(folder, "run me", "#!/bin/sh\n", 0755);
    write_file(folder, "\xff odd", "odd", 0644);
    snprintf(path, sizeof path, "%s/sub", folder);
    mkdir(path, 0700);
    write_file(path, "gr\xc3\xbc\xc3\x9f", "utf", 0600);
    snprintf(path, sizeof path, "%s/link", folder);
    assert_int_equal(symlink("/nowhere", path), 0);

    if (enc_archive_folder(folder, &tar, &err) < 0)
        fail_msg("%s", err.message);
    struct box box;
    box_open(&box);
    assert_non_null(
        enc_sandbox_unpack(box.sandbox, tar.data, tar.len, "in", ENC_NEVER, on_done, &box, &err));
    UNTIL(box.f.loop, box.done);
    assert_false(box.failed);
    check_file(&box, "in/a.txt", "hello");
    check_file(&box, "in/run me", "#!/bin/sh\n");
    check_file(&box, "in/\xff odd", "odd");
    check_file(&box, "in/sub/gr\xc3\xbc\xc3\x9f", "utf");
    check_file(&box, "in/link", "/nowhere");
    assert_int_equal(files(&box), 6);
    box_close(&box);
    enc_buf_free(&tar);

    snprintf(path, sizeof path, "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(enc_archive_folder(folder, &tar, &err), -1);
    assert_non_null(strstr(err.message, "/pipe: a device"));
    snprintf(path, sizeof path, "%s/a.txt", folder);
    assert_int_equal(enc_archive_folder(path, &tar, &err), -1);
    assert_int_equal(err.code, ENCLAVE_INVALID);
    assert_int_equal(enc_archive_folder("/no/such/folder", &tar, &err), -1);
    assert_int_equal(err.code, ENCLAVE_NOT_FOUND);
    assert_null(tar.data);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unpack),
        cmocka_unit_test(test_refused_names),
        cmocka_unit_test(test_no_tar),
        cmocka_unit_test(test_a_hole),
        cmocka_unit_test(test_an_end_in_between),
        cmocka_unit_test(test_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
