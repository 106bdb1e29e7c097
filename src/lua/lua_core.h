/* lua_core.h - the Lua module enclave.core for C programs that embed Lua: opening it,
 * giving it an engine, interrupting and closing it. What it offers to Lua is annotated
 * in lua/enclave/meta.lua. Uses engine. */
#ifndef ENC_LUA_CORE_H
#define ENC_LUA_CORE_H

#include <lua.h>

#include "engine.h"

#define ENC_LUA_API __attribute__((visibility("default")))

ENC_LUA_API int luaopen_enclave_core(lua_State *L);

/* Lua files inside the program, for require and for what lists tools and routes; name NULL ends
 * the list, which stays. first: before the files of the host, else after them. May raise. */
struct enc_lua_file {
    const char *name; /* "enclave/init.lua" */
    const char *text, *end;
};
void enc_lua_use_files(lua_State *L, const struct enc_lua_file *files, bool first);

/* The engine that this state is to use, before its first use of one. The host program
 * keeps it: close the state (or call enc_lua_close) before freeing the engine. -1: the
 * state has an engine already. May raise a Lua error when out of memory. */
int enc_lua_use_engine(lua_State *L, struct enc_engine *engine, struct enclave_error *err);

/* The state's engine, made when there is none yet. */
struct enc_engine *enc_lua_engine(lua_State *L, struct enclave_error *err);

/* Calls the function below nargs arguments as a task and turns the loop until it ends,
 * as core.run does; keeps lua_pcall's conventions for the stack and the status (LUA_OK
 * or LUA_ERRRUN), with the traceback in the message already. All results are kept. */
int enc_lua_call(lua_State *L, int nargs);

/* From a signal handler (async-signal-safe but for lua_sethook, as in lua.c): no task
 * runs any further, enc_lua_call ends with code "cancelled". A loop that sleeps must be
 * woken by the caller (uv_async_send). */
struct l_core;
struct l_core *enc_lua_core(lua_State *L);
void enc_lua_interrupt(struct l_core *core);
/* From a debug hook for the count event, after that: the coroutine stops here when it can,
 * else an error is raised in it. */
void enc_lua_stop_here(lua_State *L);
/* The coroutine of the task whose code runs; NULL: none does. */
lua_State *enc_lua_current(struct l_core *core);
/* Calls back once, when the state begins to close, before its engine does. */
void enc_lua_on_close(struct l_core *core, void (*on_close)(void));

/* Ends all tasks (their to-be-closed variables run) and closes all that this state made,
 * in a few seconds at most. Closing the state does it too. Idempotent. */
void enc_lua_close(lua_State *L);

/* As enc_lua_close for a process that is about to exit: runs no Lua code. */
void enc_lua_abandon(struct l_core *core);

#endif
