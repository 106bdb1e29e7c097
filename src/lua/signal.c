/* core.wait_signal: a task that waits for a signal of the operating system, for programs that
 * want to end in their own order. When it came, its default action is back in force. */
#include <stdlib.h>
#include <string.h>

#include "args.h"

#define COUNT 2
#define LONG  1e9 /* seconds; the timer makes the wait visible as something pending */

struct handle {
    uv_signal_t uv;
    struct signal_wait *wait;
};

struct signal_wait {
    struct l_wait wait;
    struct handle *handles[COUNT];
    struct enc_timer timer;
    const char *name;
};

static const struct {
    const char *name;
    int number;
} signals[COUNT] = {{"INT", SIGINT}, {"TERM", SIGTERM}};

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void drop(struct l_wait *wait) {
    struct signal_wait *self = (struct signal_wait *)wait;
    l_timer_stop(wait->core, &self->timer);
    for (int i = 0; i < COUNT; i++) {
        if (self->handles[i] && wait->core->engine)
            uv_close((uv_handle_t *)&self->handles[i]->uv, on_closed);
        self->handles[i] = NULL;
    }
}

static void on_signal(uv_signal_t *uv, int number) {
    struct signal_wait *self = ((struct handle *)uv->data)->wait;
    for (int i = 0; i < COUNT; i++)
        if (signals[i].number == number)
            self->name = signals[i].name;
    drop(&self->wait);
    l_wake(&self->wait);
}

static void on_timer(struct enc_timer *timer) {
    struct signal_wait *self = ENC_CONTAINER_OF(timer, struct signal_wait, timer);
    drop(&self->wait);
    l_wake(&self->wait);
}

static int end(lua_State *L, int status, lua_KContext context) {
    struct signal_wait *self = (struct signal_wait *)context;
    (void)status;
    int failed = l_wait_failed(L, &self->wait, "wait_signal");
    if (failed)
        return failed;
    lua_pushstring(L, self->name);
    return 1;
}

static int wait_signal(lua_State *L) {
    struct l_core *core = l_core(L);
    struct enclave_error err;
    int refused = l_refuse_cancelled(L, core, "wait_signal");
    if (refused)
        return refused;
    if (!l_engine(core, &err))
        return l_fail(L, &err);
    lua_settop(L, 0);
    struct signal_wait *self = l_new_wait(L, core, sizeof *self, drop);
    self->timer.fire = on_timer;
    if (enc_timer_start(l_loop(core), &self->timer, enc_deadline_in_seconds(LONG)))
        return l_fail(L, (enc_fail_nomem(&err, "wait_signal"), &err));
    for (int i = 0; i < COUNT; i++) {
        struct handle *handle = calloc(1, sizeof *handle);
        if (!handle || uv_signal_init(enc_loop_uv(l_loop(core)), &handle->uv)) {
            free(handle);
            return l_fail(L, (enc_fail_nomem(&err, "wait_signal"), &err));
        }
        handle->uv.data = handle;
        handle->wait = self;
        self->handles[i] = handle;
        uv_signal_start(&handle->uv, on_signal, signals[i].number);
    }
    l_await(L, &self->wait, (lua_KContext)self, end);
    return end(L, LUA_OK, (lua_KContext)self);
}

const luaL_Reg l_signal_functions[] = {{"wait_signal", wait_signal}, {NULL, NULL}};
