/* core.h - what the files of the binding share: the state behind one enclave.core, tasks,
 * waits, and the helpers for errors and arguments. Uses engine and Lua.
 *
 * Rules. Callbacks of the loop run no Lua code: they store what came and wake a wait.
 * Tasks are resumed by the driver loop alone (sched.c). A C function holds no malloc'ed
 * memory across a call that may raise: what must live is in a userdata. */
#ifndef ENC_L_CORE_H
#define ENC_L_CORE_H

#include <lauxlib.h>
#include <lua.h>
#include <signal.h>

#include "list.h"
#include "lua_core.h"

#define L_TASK    "enclave.Task"
#define L_POOL    "enclave.Pool"
#define L_SANDBOX "enclave.Sandbox"
#define L_RUN     "enclave.Run"
#define L_WAIT    "enclave.Wait"
#define L_ERROR   "enclave.Error"
#define L_WATCH   "enclave.Watch"

struct l_core {
    lua_State *L; /* the main thread */
    struct enc_engine *engine;
    bool own_engine, closing, closed;
    volatile sig_atomic_t interrupted;
    struct l_task *running;      /* whose code runs now; NULL: none's */
    lua_State *volatile current; /* the coroutine that the driver resumed last */
    unsigned depth;              /* driver loops inside each other */
    struct enc_list ready;       /* tasks, FIFO */
    struct enc_list tasks;       /* all that have not ended */
    struct enc_list failed;      /* ended with an error that nobody has seen */
    struct enc_list calls;       /* struct l_call, FIFO: work for the driver loop */
    struct enc_list pools;       /* struct l_pool */
    struct enc_list sandboxes;   /* struct l_sandbox of their own */
    struct enc_list latches;     /* struct l_latch */
    struct enc_list servers;     /* struct l_server */
    struct enc_list watches;     /* struct l_watch */
    struct enc_timer close_timer;
    enc_deadline close_by;
    void *canary;                     /* the newest one: see l_canary */
    void (*on_close)(void);           /* of the host program */
    struct l_budget *budget;          /* of the code that runs outside of tasks; NULL: none */
    const struct enc_lua_file *files; /* of the host program, or NULL */
    int on_log;                       /* registry reference of the Lua function, or LUA_NOREF */
};

/* The core behind a function of the module: its first upvalue. */
static inline struct l_core *l_core(lua_State *L) {
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* ---- core.c ------------------------------------------------------------------ */

/* Registers functions with the core as upvalue in the table on the top. */
void l_functions(lua_State *L, struct l_core *core, const luaL_Reg *functions);
/* A metatable whose __index is itself; left on the stack. */
void l_class(lua_State *L,
             struct l_core *core,
             const char *name,
             const luaL_Reg *methods,
             const luaL_Reg *meta);

/* To be called after a userdata was made that must not be finalized before tasks that may use
 * it: the newest object that is still referenced is finalized first when the state closes,
 * and that begins the orderly way. */
void l_canary(lua_State *L, struct l_core *core);

/* The userdata at index, or a thrown error. */
void *l_self(lua_State *L, int index, const char *name, const char *op);

/* ---- engine.c ---------------------------------------------------------------- */

struct enc_engine *l_engine(struct l_core *core, struct enclave_error *err);
struct enc_loop *l_loop(struct l_core *core);
struct enc_log *l_log(struct l_core *core); /* NULL: no engine */
/* Harmless when it is not started, also after the engine has gone. */
void l_timer_stop(struct l_core *core, struct enc_timer *timer);
void l_close(lua_State *L, struct l_core *core);
extern const luaL_Reg l_engine_functions[];

/* Work that needs Lua, queued by a callback of the loop; run by the driver loop under
 * lua_pcall. The call has left the queue when run is called; it owns itself. */
struct l_call {
    struct enc_list in_calls;
    void (*run)(lua_State *L, struct l_call *call);
    void (*drop)(struct l_call *call); /* it will not be run: free it */
};
void l_call_later(struct l_core *core, struct l_call *call);

/* ---- wait.c ------------------------------------------------------------------ */

/* A pending operation for which one caller waits; first member of a userdata that stays
 * on the waiting coroutine's stack. */
struct l_wait {
    struct l_core *core;
    struct l_task *task;       /* whose wait it is, while it waits; NULL: a plain script's */
    struct enc_list in_source; /* where it would be found by who ends it */
    bool done;                 /* woken */
    bool cancelled;
    bool driven; /* the driver loop is turning for it: nothing to resume */
    bool failed;
    struct enclave_error *error; /* with failed; NULL: out of memory */
    /* Gives up what is pending; nothing comes after. Idempotent. NULL: nothing to do. */
    void (*drop)(struct l_wait *wait);
    /* A gentler way for a cancelled task: true when the end will come by itself, soon.
     * NULL: drop. */
    bool (*cancel)(struct l_wait *wait);
    lua_KContext context;
    lua_KFunction k;
};

/* A userdata of this size that starts with a wait, zeroed; left on the stack. Making it, as
 * anything that Lua allocates, may run finalizers of the script, which may close what one has
 * looked at before: so it is made first and looked at then. */
void *l_new_wait(lua_State *L, struct l_core *core, size_t size, void (*drop)(struct l_wait *));
/* The wait is on the top: the value at index lives as long as it does, also when the coroutine
 * that waits is closed. */
void l_wait_keep(lua_State *L, int index);
void l_wait_init(struct l_wait *wait, struct l_core *core, void (*drop)(struct l_wait *));
/* Drops it and frees its error: the end of the userdata. */
void l_wait_end(struct l_wait *wait);

void l_wake(struct l_wait *wait);
/* Wakes it with an error (copied). */
void l_wait_fail(struct l_wait *wait, const struct enclave_error *err);
void l_wait_fail_code(struct l_wait *wait, enum enclave_code code, const char *op, const char *why);
void l_wait_cancel(struct l_wait *wait);
/* Wakes all waits of a list, which is empty then. */
void l_wake_all(struct enc_list *waits);

/* Returns when the wait is done, or suspends the task: then k is called instead, with
 * LUA_YIELD. Raises when it can never end or the state was interrupted. */
void l_await(lua_State *L, struct l_wait *wait, lua_KContext context, lua_KFunction k);

/* When it was cancelled or failed: pushes nil, err and returns 2; else 0. */
int l_wait_failed(lua_State *L, struct l_wait *wait, const char *op);
/* nil, err when the running task was cancelled: before starting what would wait. Else 0. */
int l_refuse_cancelled(lua_State *L, struct l_core *core, const char *op);

/* The end of something that cannot be called off: the wait may go before it comes. */
struct l_latch {
    struct l_core *core;
    struct enc_list in_core;
    struct l_wait *wait;
};
struct l_latch *l_latch_new(struct l_core *core, struct l_wait *wait);
void l_latch_open(void *latch); /* wakes the wait, frees itself */
/* The wait goes: those latches that point to it forget it. */
void l_latch_forget(struct l_core *core, struct l_wait *wait);

/* ---- sched.c, task.c ----------------------------------------------------------- */

enum l_task_status { L_TASK_RUNNING, L_TASK_DONE, L_TASK_FAILED, L_TASK_CANCELLED };

struct l_task {
    struct l_core *core;
    lua_State *co; /* its user value 1; holds the results when it has ended */
    struct enc_list in_ready, in_tasks, in_failed;
    struct enc_list joiners; /* struct l_wait */
    struct l_wait *waiting;
    enum l_task_status status;
    bool cancelled, started, seen; /* seen: someone got its outcome */
    int nargs, nresults;
    struct l_budget *budget; /* NULL: no bound */
    /* Called once when it ended; the results are on co. May be NULL. Runs in the driver
     * loop; must not raise. */
    void (*on_end)(struct l_task *task, void *data);
    void *data;
};

/* Takes the function and nargs arguments from the stack; leaves the task there. */
struct l_task *l_spawn(lua_State *L, struct l_core *core, int nargs);
void l_task_ready(struct l_task *task);
void l_task_cancel(struct l_task *task);
/* Ends it where it stands; its to-be-closed variables run. */
void l_task_kill(lua_State *L, struct l_task *task);
/* Says in the log what no one has asked for; of one task, or of all. */
void l_task_log_failure(lua_State *L, struct l_task *task);
void l_task_log_failures(lua_State *L, struct l_core *core);
/* Of one that has ended: its results are there. A script may resume its coroutine, which is none
 * that Lua takes for dead as long as they are on it. */
bool l_task_is_whole(const struct l_task *task);
/* Settles a task whose coroutine returned from lua_resume with status (not LUA_YIELD). */
void l_task_ended(lua_State *L, struct l_task *task, int status, int nresults);
void l_task_class(lua_State *L, struct l_core *core);
extern const luaL_Reg l_task_functions[];

/* The body of every task: calls the function with a traceback handler. */
int l_task_body(lua_State *L);
/* Message handler: strings get a traceback, error objects stay as they are. */
int l_traceback(lua_State *L);
/* Turns the loop until the wait is done. */
void l_drive(lua_State *L, struct l_wait *wait);
/* The one yield. */
int l_suspend(lua_State *L, lua_KContext context, lua_KFunction k);
void l_run_calls(lua_State *L, struct l_core *core);

/* ---- budget.c ------------------------------------------------------------------- */

/* The bound on the code that runs now, for a task that it starts; NULL: none. */
struct l_budget *l_budget_share(struct l_core *core);
void l_budget_drop(struct l_budget *budget);
/* A new coroutine counts for this bound, or for none. */
void l_budget_bind(lua_State *co, const struct l_budget *budget);
extern const luaL_Reg l_budget_functions[];

/* ---- error.c ------------------------------------------------------------------- */

void l_error_class(lua_State *L);
void l_push_error(lua_State *L, const struct enclave_error *err);
/* Pushes nil, err and returns 2; throws when it is a misuse. */
int l_fail(lua_State *L, const struct enclave_error *err);
/* Throws a misuse. */
__attribute__((format(printf, 3, 4))) int l_misuse(lua_State *L,
                                                   const char *op,
                                                   const char *format,
                                                   ...);
/* Makes a C error of a Lua error value: an error object or a string. */
void l_to_error(lua_State *L, int index, const char *op, struct enclave_error *err);
/* Pushes an error object for the error value at index: itself when it is one. */
void l_push_caught(lua_State *L, int index, const char *op);
bool l_is_code(lua_State *L, int index, const char *code);
int l_error_new(lua_State *L);

/* ---- json.c -------------------------------------------------------------------- */

/* A new value, or NULL with err. Raises nothing. where: for messages. */
json_t *l_to_json(lua_State *L, int index, const char *where, struct enclave_error *err);
/* Pushes it; takes it over, also when it raises. NULL throws nomem. */
void l_push_json(lua_State *L, json_t *json);
/* As l_to_json, owned by a userdata that it leaves on the stack; throws on misuse, and
 * returns NULL with err for the rest (and a nil on the stack). nil gives NULL, no err. */
json_t *l_json_arg(lua_State *L, int index, const char *where, struct enclave_error *err);

/* ---- the rest ------------------------------------------------------------------- */

void l_pool_class(lua_State *L, struct l_core *core);
void l_sandbox_class(lua_State *L, struct l_core *core);
void l_run_class(lua_State *L, struct l_core *core);
void l_server_class(lua_State *L, struct l_core *core);
void l_servers_close(struct l_core *core);
void l_watch_class(lua_State *L, struct l_core *core);
void l_watches_close(struct l_core *core);
extern const luaL_Reg l_base64_functions[], l_json_functions[], l_watch_functions[];
extern const luaL_Reg l_pool_functions[], l_sandbox_functions[], l_fs_functions[];
extern const luaL_Reg l_http_functions[], l_httpd_functions[], l_signal_functions[];
extern const luaL_Reg l_terminal_functions[];

#endif
