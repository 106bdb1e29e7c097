/* enclave.h - Enclave inside a C or C++ program: warm pools of sandboxes without Lua code of
 * one's own. What goes in and out is JSON text, the same as of the Lua API and of the HTTP
 * server. Link with -lenclave (pkg-config enclave, find_package(Enclave)).
 *
 * Threads. Any thread may call any function on an engine, but enclave_close once and last. An
 * engine runs on a thread of its own or, when a loop is given, on the thread that turns that
 * loop, where it is also opened and closed. Callbacks are called there; they may submit and
 * cancel. What waits refuses to in a callback of the engine, and must not be called in one of the
 * program's own handles on that loop. A callback in C++ lets no exception out, and none leaves
 * it by longjmp.
 *
 * Processes. A child of fork has no engine: calls on its parent's are refused there (CLOSED), and
 * enclave_close does nothing. Sandboxes live until the parent has closed them, or until the last
 * process that has its descriptors has ended: they are not kept over exec. Of the descriptors 0
 * to 2 those that are closed when an engine starts are opened to /dev/null.
 *
 * Locale. An engine's own thread has the C locale, whatever the program's is. A program that gives
 * a loop sets its own before it opens the engine.
 *
 * Texts are UTF-8 and end with a zero byte; other bytes reach the tools as they are. NULL where
 * nothing says that it may be is an error, not a crash.
 *
 * What a call does and what its JSON holds is in the annotations of lua/enclave/manager.lua
 * and of the files that it names.
 *
 * The ABI is that of the library's version (libenclave.so.0): functions and fields are only
 * added, and structs that the caller makes begin with their size. */
#ifndef ENCLAVE_H
#define ENCLAVE_H

#include <enclave/error.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ENCLAVE_ABI 0

struct enclave; /* an engine */
struct lua_State;
struct uv_loop_s;

enum enclave_log_level { ENCLAVE_LOG_DEBUG, ENCLAVE_LOG_INFO, ENCLAVE_LOG_WARN, ENCLAVE_LOG_ERROR };

struct enclave_options {
    size_t size; /* of this struct, set by enclave_options_init */

    /* Options of enclave.manager as a JSON object, or NULL: docker_host, tools and hooks (lists
     * of files and folders), languages (list of folders), secrets, log_level, reload_interval. */
    const char *manager;

    /* The host program's loop, which it goes on turning; NULL: a thread and a loop of its own.
     * It stays alive until enclave_close. Such a program ignores SIGPIPE, as libuv says. */
    struct uv_loop_s *loop;

    /* One line without its end, on the engine's thread; NULL: standard error. Lines that come of
     * what it calls itself are left out. */
    void (*log)(void *data, enum enclave_log_level level, const char *line);
    void *log_data;

    /* Memory of the engine's Lua state, with the contract of lua_Alloc; NULL: realloc, free. */
    void *(*allocate)(void *data, void *pointer, size_t old_size, size_t new_size);
    void *allocate_data;
};

/* The version of the library ("0.1.0"), which may be newer than this header. */
ENCLAVE_API const char *enclave_version(void);

/* The defaults; by the macro below, as a later library may know more fields than this header. */
ENCLAVE_API void enclave_options_init(struct enclave_options *options, size_t size);
#define ENCLAVE_OPTIONS_INIT(options) enclave_options_init(options, sizeof *(options))

/* Starts an engine; connects to nothing yet. options may be NULL. NULL: err. */
ENCLAVE_API struct enclave *enclave_open(const struct enclave_options *options,
                                         struct enclave_error *err);

/* Cancels what waits and what runs (their callbacks come, with CANCELLED), removes every
 * sandbox, and returns when the last is gone, after some seconds at most. In a callback, or where
 * a loop was given on another thread than its own or while a call waits there, it does nothing
 * but say so in the log. NULL is ignored. */
ENCLAVE_API void enclave_close(struct enclave *engine);

/* ---- calls ------------------------------------------------------------------------------- */

/* The end of a call, once: its value as JSON, which is good until the callback returns, or
 * NULL and an error. A program that ran and failed is a value, with status "error". */
typedef void enclave_done(void *data, const char *json, const struct enclave_error *err);

/* Starts a call of a method of the manager with its arguments as a JSON array, or NULL for none:
 * initialize_pool, close_pool, execute_tool_in_pool, get_stats, create_sandbox,
 * get_sandbox_info, list_sandboxes, get_sandbox_tools, execute_tool, stop_sandbox,
 * delete_sandbox, cleanup_all_sandboxes. Gives its number, which is never 0;
 * done (may be NULL) comes later, on the engine's thread. 0: err, and done does not come. */
ENCLAVE_API uint64_t enclave_submit(struct enclave *engine,
                                    const char *method,
                                    const char *arguments,
                                    enclave_done *done,
                                    void *data,
                                    struct enclave_error *err);

/* The same, waiting for its end. The value is to be freed with enclave_free. NULL: err. */
ENCLAVE_API char *enclave_call(struct enclave *engine,
                               const char *method,
                               const char *arguments,
                               struct enclave_error *err);

/* Gives a call up: it ends with CANCELLED, its program is killed. False: it has ended. */
ENCLAVE_API bool enclave_cancel(struct enclave *engine, uint64_t call);

/* What enclave_call and its kind gave; NULL is ignored. */
ENCLAVE_API void enclave_free(void *memory);

/* ---- the usual calls ---------------------------------------------------------------------- */

/* options: { "pool_size": 2, "config": { "image": "python:3.11-slim" }, … }. The value is the
 * list of the sandboxes' ids. Waits until the pool is warm. */
ENCLAVE_API char *enclave_initialize_pool(struct enclave *engine,
                                          const char *options,
                                          struct enclave_error *err);

/* Runs a tool in a sandbox of a pool. parameters: { "code": "print(1)" }; options: NULL or
 * { "timeout": 5, "pool": "default" }, where timeout bounds the wait for a sandbox. */
ENCLAVE_API char *enclave_execute(struct enclave *engine,
                                  const char *tool,
                                  const char *parameters,
                                  const char *options,
                                  struct enclave_error *err);
ENCLAVE_API uint64_t enclave_execute_start(struct enclave *engine,
                                           const char *tool,
                                           const char *parameters,
                                           const char *options,
                                           enclave_done *done,
                                           void *data,
                                           struct enclave_error *err);

/* Statistics of all pools. */
ENCLAVE_API char *enclave_stats(struct enclave *engine, struct enclave_error *err);

/* ---- Lua and memory ----------------------------------------------------------------------- */

/* Makes require "enclave" work in a Lua 5.4 state of the program, whose libraries are open; the
 * Lua files are inside the library. Such a state has an engine of its own, on its thread. May
 * raise a Lua error when out of memory. */
ENCLAVE_API void enclave_lua_open(struct lua_State *L);

/* The C module alone, as require "enclave.core" gives it. */
ENCLAVE_API int luaopen_enclave_core(struct lua_State *L);

/* Memory of libuv, for the whole process: before anything else uses libuv. The functions are
 * those of the C library with a contract as theirs. -1: err. */
ENCLAVE_API int enclave_use_allocator(void *(*malloc_function)(size_t size),
                                      void *(*realloc_function)(void *pointer, size_t size),
                                      void *(*calloc_function)(size_t count, size_t size),
                                      void (*free_function)(void *pointer),
                                      struct enclave_error *err);

#ifdef __cplusplus
}
#endif
#endif
