/* cli.h - the parts of enclave-lua: the stock interpreter's front on top of the module
 * enclave.core. Uses the Lua binding; knows nothing of sandboxes. */
#ifndef ENC_CLI_H
#define ENC_CLI_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>

#include "lua_core.h"

#define CLI_NAME "enclave-lua"

/* main.c: prints the error on the top of the stack, if status is one; gives status. */
int cli_report(lua_State *L, int status);
/* Calls the function below nargs arguments as a task; its results stay. */
int cli_call(lua_State *L, int nargs);

/* paths.c: where the Lua files of Enclave are goes to the front of package.path and is kept in
 * the registry as CLI_FILES ("inside": the program carries them). environment: whether to look
 * at it. */
#define CLI_FILES "enclave.files"
void cli_find_files(lua_State *L, bool environment);

/* commands.c. Help is asked for: --help, -h, help. */
bool cli_is_help(const char *word);
/* Whether the first argument is a command ("serve") and not a script. */
bool cli_is_command(lua_State *L, const char *word);
/* There is no script of this name: says which command is meant, if one may be. */
void cli_hint(lua_State *L, const char *word);
/* Runs it with the words that follow as a task; gives its exit code. */
int cli_command(lua_State *L, char **words);
/* One line; and what is inside, for --version. */
void cli_print_version(void);
void cli_print_versions(lua_State *L);

/* repl.c */
void cli_repl(lua_State *L);

/* signals.c: from here on the first SIGINT or SIGTERM stops all tasks and closes all, a second
 * one ends the process at once. One Lua state per process can have that. */
int cli_signals_start(lua_State *L, struct enclave_error *err);
/* The one that came, or 0. */
int cli_signal(void);

#endif
