/* core.terminal and core.read_input: what a command line needs of the terminal and of standard
 * input without holding up the loop. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "args.h"

#define LONG  1e9 /* seconds; the timer makes the wait visible as something pending */
#define PIECE 65536

struct handle {
    uv_poll_t uv;
    struct input_wait *wait;
};

struct input_wait {
    struct l_wait wait;
    struct handle *handle;
    struct enc_timer timer;
};

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void drop(struct l_wait *wait) {
    struct input_wait *self = (struct input_wait *)wait;
    l_timer_stop(wait->core, &self->timer);
    if (self->handle && wait->core->engine)
        uv_close((uv_handle_t *)&self->handle->uv, on_closed);
    self->handle = NULL;
}

static void on_ready(uv_poll_t *uv, int status, int events) {
    struct input_wait *self = ((struct handle *)uv->data)->wait;
    (void)status, (void)events; /* what is wrong with it, read will say */
    drop(&self->wait);
    l_wake(&self->wait);
}

static void on_timer(struct enc_timer *timer) {
    struct input_wait *self = ENC_CONTAINER_OF(timer, struct input_wait, timer);
    drop(&self->wait);
    l_wake(&self->wait);
}

/* Calls on_ready when there is something. A file or a device that cannot be waited for is
 * ready at once (0); -1: err. */
static int start(struct l_core *core, struct input_wait *self, struct enclave_error *err) {
    int flags = fcntl(STDIN_FILENO, F_GETFL);
    struct handle *handle = calloc(1, sizeof *handle);
    if (!handle)
        return enc_fail_nomem(err, "read_input");
    int failed = uv_poll_init(enc_loop_uv(l_loop(core)), &handle->uv, STDIN_FILENO);
    if (failed) {
        free(handle);
        return failed == UV_ENOMEM ? enc_fail_nomem(err, "read_input") : 0;
    }
    /* libuv makes it non-blocking, for every process that shares this terminal or pipe. */
    if (flags >= 0)
        fcntl(STDIN_FILENO, F_SETFL, flags);
    handle->uv.data = handle;
    handle->wait = self;
    self->handle = handle;
    self->timer.fire = on_timer;
    if (uv_poll_start(&handle->uv, UV_READABLE | UV_DISCONNECT, on_ready) ||
        enc_timer_start(l_loop(core), &self->timer, enc_deadline_in_seconds(LONG)))
        return enc_fail_nomem(err, "read_input");
    return 1;
}

static int end(lua_State *L, int status, lua_KContext context) {
    struct input_wait *self = (struct input_wait *)context;
    (void)status;
    int failed = l_wait_failed(L, &self->wait, "read_input");
    if (failed)
        return failed;
    luaL_Buffer bytes;
    char *room = luaL_buffinitsize(L, &bytes, PIECE);
    ssize_t len;
    do
        len = read(STDIN_FILENO, room, PIECE);
    while (len < 0 && errno == EINTR);
    if (len > 0) {
        luaL_pushresultsize(&bytes, (size_t)len);
        return 1;
    }
    struct enclave_error err;
    if (len == 0) {
        lua_pushnil(L);
        return 1;
    }
    enc_fail(&err, ENCLAVE_INTERNAL, "read_input", "standard input: %s", strerror(errno));
    return l_fail(L, &err);
}

static int read_input(lua_State *L) {
    struct l_core *core = l_core(L);
    struct enclave_error err;
    int refused = l_refuse_cancelled(L, core, "read_input");
    if (refused)
        return refused;
    if (!l_engine(core, &err))
        return l_fail(L, &err);
    lua_settop(L, 0);
    struct input_wait *self = l_new_wait(L, core, sizeof *self, drop);
    int waits = start(core, self, &err);
    if (waits < 0)
        return l_fail(L, &err);
    if (waits)
        l_await(L, &self->wait, (lua_KContext)self, end);
    return end(L, LUA_OK, (lua_KContext)self);
}

static int terminal(lua_State *L) {
    lua_Integer fd = l_check_integer(L, 1, "terminal", "descriptor");
    struct winsize size = {0};
    if (fd < 0 || fd > INT_MAX || !isatty((int)fd))
        return 0;
    ioctl((int)fd, TIOCGWINSZ, &size);
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, size.ws_col ? size.ws_col : 80);
    lua_setfield(L, -2, "columns");
    lua_pushinteger(L, size.ws_row ? size.ws_row : 24);
    lua_setfield(L, -2, "rows");
    return 1;
}

const luaL_Reg l_terminal_functions[] = {
    {"read_input", read_input}, {"terminal", terminal}, {NULL, NULL}};
