/* SIGINT and SIGTERM. The first one stops whatever task runs or waits, so that everything is
 * closed in order; the second one, or a close that takes too long, ends the process. A signal
 * handler has no argument of its own: what it needs is static here. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli.h"

#define CLOSE_SECONDS 15

static volatile sig_atomic_t received;
static volatile sig_atomic_t wakeable;
static struct l_core *core;
static uv_async_t wake;
static struct enc_loop *loop;

static void on_hook(lua_State *L, lua_Debug *where) {
    (void)where;
    enc_lua_stop_here(L);
}

static void on_alarm(int number) {
    (void)number;
    _exit(128 + received);
}

static void on_signal(int number) {
    if (received)
        _exit(128 + number);
    received = number;
    alarm(CLOSE_SECONDS);
    if (core) {
        enc_lua_interrupt(core);
        lua_sethook(enc_lua_current(core),
                    on_hook,
                    LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT,
                    1);
    }
    if (wakeable)
        uv_async_send(&wake);
}

static void on_wake(uv_async_t *handle) {
    (void)handle; /* the loop had its turn: that is all */
}

/* os.exit without closing the state: what was made is removed all the same. */
static void on_exit_of_process(void) {
    wakeable = 0;
    if (core)
        enc_lua_abandon(core);
}

int cli_signals_start(lua_State *L, struct enclave_error *err) {
    struct enc_engine *engine = enc_lua_engine(L, err);
    struct sigaction action = {.sa_handler = on_signal}, late = {.sa_handler = on_alarm};
    if (!engine)
        return -1;
    loop = enc_engine_loop(engine);
    if (uv_async_init(enc_loop_uv(loop), &wake, on_wake))
        return -1;
    uv_unref((uv_handle_t *)&wake);
    core = enc_lua_core(L);
    enc_lua_watch(&core);
    wakeable = 1;
    sigemptyset(&action.sa_mask);
    sigemptyset(&late.sa_mask);
    sigaction(SIGALRM, &late, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return atexit(on_exit_of_process);
}

void cli_signals_stop(void) {
    if (!wakeable)
        return;
    wakeable = 0;
    uv_close((uv_handle_t *)&wake, NULL);
    enc_loop_turn(loop, false);
}

int cli_signal(void) {
    return received;
}
