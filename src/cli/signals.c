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
        lua_State *L = enc_lua_current(core);
        if (L) /* the count event alone allows the hook to yield */
            lua_sethook(L, on_hook, LUA_MASKCOUNT, 1);
    }
    if (wakeable)
        uv_async_send(&wake);
}

static void on_wake(uv_async_t *handle) {
    (void)handle; /* the loop had its turn: that is all */
}

/* The engine is about to go, and its loop with it. */
static void on_close(void) {
    core = NULL;
    wakeable = 0;
    uv_close((uv_handle_t *)&wake, NULL);
}

/* os.exit without closing the state: what was made is removed all the same. */
static void on_exit_of_process(void) {
    if (core)
        enc_lua_abandon(core);
}

int cli_signals_start(lua_State *L, struct enclave_error *err) {
    struct enc_engine *engine = enc_lua_engine(L, err);
    struct sigaction action = {.sa_handler = on_signal}, late = {.sa_handler = on_alarm};
    if (!engine)
        return -1;
    if (uv_async_init(enc_loop_uv(enc_engine_loop(engine)), &wake, on_wake))
        return -1;
    uv_unref((uv_handle_t *)&wake);
    core = enc_lua_core(L);
    enc_lua_on_close(core, on_close);
    wakeable = 1;
    sigemptyset(&action.sa_mask);
    sigemptyset(&late.sa_mask);
    sigaction(SIGALRM, &late, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return atexit(on_exit_of_process);
}

int cli_signal(void) {
    return received;
}
