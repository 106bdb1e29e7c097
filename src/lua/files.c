/* Files into and out of a sandbox. Stack: sandbox, path (or files, tar, host folder), bytes
 * (or folder) …, the operation last. */
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "lua_pool.h"
#include "tar.h"

#define DEFAULT_MAX (64ull * 1024 * 1024)

struct transfer {
    struct l_wait wait;
    struct enc_transfer *transfer;
    struct enc_unpack *unpack;
    struct enc_buf bytes; /* what was got, or the tar that is sent */
    bool wants_bytes;
    const char *op;
};

static void drop(struct l_wait *wait) {
    struct transfer *self = (struct transfer *)wait;
    if (self->transfer && wait->core->engine)
        enc_transfer_cancel(self->transfer);
    if (self->unpack && wait->core->engine)
        enc_unpack_cancel(self->unpack);
    self->transfer = NULL;
    self->unpack = NULL;
    enc_buf_free(&self->bytes);
}

static void on_done(void *data, struct enc_transfer *transfer, const struct enclave_error *err) {
    struct transfer *self = data;
    self->transfer = NULL;
    if (err) {
        l_wait_fail(&self->wait, err);
        return;
    }
    if (self->wants_bytes)
        self->bytes = enc_buf_steal(&transfer->got);
    l_wake(&self->wait);
}

static void on_unpacked(void *data, const struct enclave_error *err) {
    struct transfer *self = data;
    self->unpack = NULL;
    if (err)
        l_wait_fail(&self->wait, err);
    else
        l_wake(&self->wait);
}

static int end(lua_State *L, int status, lua_KContext context) {
    struct transfer *self = (struct transfer *)context;
    (void)status;
    int failed = l_wait_failed(L, &self->wait, self->op);
    if (failed)
        return failed;
    if (self->wants_bytes)
        lua_pushlstring(L, self->bytes.len ? self->bytes.data : "", self->bytes.len);
    else
        lua_pushboolean(L, true);
    drop(&self->wait);
    return 1;
}

/* Left on the stack; its collection frees the bytes. */
static struct transfer *transfer_new(lua_State *L, const char *op) {
    struct transfer *self = l_new_wait(L, l_core(L), sizeof *self, drop);
    self->op = op;
    return self;
}

/* The arguments were read: makes the operation. NULL: *failed values on the stack say why it
 * cannot begin. */
static struct transfer *prepare(lua_State *L,
                                const char *op,
                                struct l_sandbox **sandbox,
                                int *failed) {
    struct enclave_error err;
    if ((*failed = l_refuse_cancelled(L, l_core(L), op)))
        return NULL;
    struct transfer *self = transfer_new(L, op);
    *sandbox = l_sandbox_open(L, op, &err);
    if (*sandbox)
        return self;
    *failed = l_fail(L, &err);
    return NULL;
}

static int begin(lua_State *L, struct l_sandbox *sandbox, struct transfer *self) {
    enc_list_push_back(&sandbox->ops, &self->wait.in_source);
    l_await(L, &self->wait, (lua_KContext)self, end);
    return end(L, LUA_OK, (lua_KContext)self);
}

struct options {
    lua_Integer mode;
    uint64_t max_size;
    double timeout;
};

static int read_options(lua_State *L,
                        int index,
                        const struct l_field *fields,
                        const char *op,
                        struct options *options,
                        struct enclave_error *err) {
    *options = (struct options){.timeout = -1, .max_size = DEFAULT_MAX};
    return lua_isnoneornil(L, index) ? 0 : l_read_fields(L, index, op, fields, options, err);
}

static enc_deadline deadline_of(const struct options *options) {
    return options->timeout < 0 ? ENC_NEVER : enc_deadline_in_seconds(options->timeout);
}

static int put_file(lua_State *L) {
    static const char op[] = "sandbox.put_file";
    static const struct l_field fields[] = {
        {"mode", L_INTEGER, false, offsetof(struct options, mode)},
        {"timeout", L_SECONDS, false, offsetof(struct options, timeout)},
        {0}};
    struct enclave_error err;
    struct options options;
    struct l_sandbox *sandbox;
    size_t len;
    int failed;
    lua_settop(L, 4);
    l_self(L, 1, L_SANDBOX, op);
    const char *path = l_check_string(L, 2, op, "path");
    const char *bytes = l_check_bytes(L, 3, op, "bytes", &len);
    if (read_options(L, 4, fields, op, &options, &err))
        return l_fail(L, &err);
    struct transfer *self = prepare(L, op, &sandbox, &failed);
    if (!self)
        return failed;
    l_wait_keep(L, 3);
    self->transfer = enc_sandbox_put(sandbox->sandbox,
                                     ENC_PUT_FILE,
                                     path,
                                     (unsigned)options.mode & 07777,
                                     bytes,
                                     len,
                                     deadline_of(&options),
                                     on_done,
                                     self,
                                     &err);
    return self->transfer ? begin(L, sandbox, self) : l_fail(L, &err);
}

static int get_file(lua_State *L) {
    static const char op[] = "sandbox.get_file";
    static const struct l_field fields[] = {
        {"max_size", L_SIZE, false, offsetof(struct options, max_size)},
        {"timeout", L_SECONDS, false, offsetof(struct options, timeout)},
        {0}};
    struct enclave_error err;
    struct options options;
    struct l_sandbox *sandbox;
    int failed;
    lua_settop(L, 3);
    l_self(L, 1, L_SANDBOX, op);
    const char *path = l_check_string(L, 2, op, "path");
    if (read_options(L, 3, fields, op, &options, &err))
        return l_fail(L, &err);
    struct transfer *self = prepare(L, op, &sandbox, &failed);
    if (!self)
        return failed;
    self->wants_bytes = true;
    self->transfer = enc_sandbox_get(
        sandbox->sandbox, path, options.max_size, deadline_of(&options), on_done, self, &err);
    return self->transfer ? begin(L, sandbox, self) : l_fail(L, &err);
}

/* ---- many at once ------------------------------------------------------------------------- */

static int unpack(lua_State *L,
                  struct transfer *self,
                  struct l_sandbox *sandbox,
                  const char *tar,
                  size_t len,
                  const char *folder) {
    struct enclave_error err;
    self->unpack = enc_sandbox_unpack(
        sandbox->sandbox, tar, len, folder ? folder : "", ENC_NEVER, on_unpacked, self, &err);
    return self->unpack ? begin(L, sandbox, self) : l_fail(L, &err);
}

static int put_archive(lua_State *L) {
    static const char op[] = "sandbox.put_archive";
    struct l_sandbox *sandbox;
    size_t len;
    int failed;
    lua_settop(L, 3);
    l_self(L, 1, L_SANDBOX, op);
    const char *tar = l_check_bytes(L, 2, op, "tar", &len);
    const char *folder = lua_isnil(L, 3) ? NULL : l_check_string(L, 3, op, "folder");
    struct transfer *self = prepare(L, op, &sandbox, &failed);
    if (!self)
        return failed;
    l_wait_keep(L, 2);
    return unpack(L, self, sandbox, tar, len, folder);
}

static int put_dir(lua_State *L) {
    static const char op[] = "sandbox.put_dir";
    struct enclave_error err;
    struct l_sandbox *sandbox;
    int failed;
    lua_settop(L, 3);
    l_self(L, 1, L_SANDBOX, op);
    const char *from = l_check_string(L, 2, op, "host_folder");
    const char *folder = lua_isnil(L, 3) ? NULL : l_check_string(L, 3, op, "folder");
    struct transfer *self = prepare(L, op, &sandbox, &failed);
    if (!self)
        return failed;
    if (enc_archive_folder(from, &self->bytes, &err))
        return l_fail(L, &err);
    return unpack(L, self, sandbox, self->bytes.data, self->bytes.len, folder);
}

/* The files of a table, bytes by name, which keeps them alive. */
static struct enc_tar_file *files_of(lua_State *L, int table, const char *op, size_t *count) {
    size_t room = 0;
    l_check_type(L, table, LUA_TTABLE, op, "files");
    luaL_checkstack(L, 4, op);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
        room++;
    struct enc_tar_file *files = lua_newuserdatauv(L, (room + 1) * sizeof *files, 0);
    *count = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        struct enc_tar_file *file = &files[(*count)++];
        if (*count > room)
            l_misuse(L, op, "files: they were changed meanwhile");
        file->name = l_check_string(L, -2, op, "files: a name");
        file->bytes = l_check_bytes(L, -1, op, "files: a value", &file->len);
    }
    return files;
}

/* Many files in one go: { name = bytes } into the work folder. */
static int put_files(lua_State *L) {
    static const char op[] = "sandbox.put_files";
    struct enclave_error err;
    struct l_sandbox *sandbox;
    size_t count;
    int failed;
    lua_settop(L, 2);
    l_self(L, 1, L_SANDBOX, op);
    struct transfer *self = prepare(L, op, &sandbox, &failed);
    if (!self)
        return failed;
    struct enc_tar_file *files = files_of(L, 2, op, &count);
    lua_pushvalue(L, 3); /* the operation, last */
    if (enc_archive_files(files, count, &self->bytes, &err))
        return l_fail(L, &err);
    if (!(sandbox = l_sandbox_open(L, op, &err)))
        return l_fail(L, &err);
    return unpack(L, self, sandbox, self->bytes.data, self->bytes.len, NULL);
}

static int push_archive(lua_State *L, struct transfer *self) {
    lua_pushlstring(L, self->bytes.data, self->bytes.len);
    drop(&self->wait);
    return 1;
}

/* core.archive_folder(host_folder): a tar, as put_archive takes it. */
static int archive_folder(lua_State *L) {
    static const char op[] = "archive_folder";
    struct enclave_error err;
    const char *folder = l_check_string(L, 1, op, "host_folder");
    struct transfer *self = transfer_new(L, op);
    if (enc_archive_folder(folder, &self->bytes, &err))
        return l_fail(L, &err);
    return push_archive(L, self);
}

/* core.archive_files(files): the same of files in memory, { name = bytes }. */
static int archive_files(lua_State *L) {
    static const char op[] = "archive_files";
    struct enclave_error err;
    size_t count;
    lua_settop(L, 1);
    struct enc_tar_file *files = files_of(L, 1, op, &count);
    struct transfer *self = transfer_new(L, op);
    if (enc_archive_files(files, count, &self->bytes, &err))
        return l_fail(L, &err);
    return push_archive(L, self);
}

const luaL_Reg l_file_functions[] = {
    {"archive_folder", archive_folder}, {"archive_files", archive_files}, {NULL, NULL}};
const luaL_Reg l_file_methods[] = {{"put_file", put_file},
                                   {"put_files", put_files},
                                   {"get_file", get_file},
                                   {"put_archive", put_archive},
                                   {"put_dir", put_dir},
                                   {NULL, NULL}};
