/* enclave-lua: the stock Lua interpreter with enclave.core built in. Every chunk runs as a
 * task, so scripts may wait without blocking each other; signals close what was made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

struct options {
    bool error, interactive, version, execute, no_env;
    int first; /* index of the script, or of what follows the options */
    const char *bad;
};

static void print_usage(const char *bad) {
    fprintf(stderr,
            bad[1] == 'e' || bad[1] == 'l' ? "%s: '%s' needs argument\n"
                                           : "%s: unrecognized option '%s'\n",
            CLI_NAME,
            bad);
    fprintf(stderr,
            "usage: %s [options] [script [args]]\n"
            "Available options are:\n"
            "  -e stat   execute string 'stat'\n"
            "  -i        enter interactive mode after executing 'script'\n"
            "  -l mod    require library 'mod' into global 'mod'\n"
            "  -l g=mod  require library 'mod' into global 'g'\n"
            "  -v        show version information\n"
            "  -E        ignore environment variables\n"
            "  -W        turn warnings on\n"
            "  --        stop handling options\n"
            "  -         stop handling options and execute stdin\n",
            CLI_NAME);
}

/* ---- calling and reporting -------------------------------------------------------------- */

int cli_report(lua_State *L, int status) {
    if (status == LUA_OK)
        return status;
    if (cli_signal()) {
        fprintf(stderr, "%s: interrupted\n", CLI_NAME);
    } else {
        const char *message = lua_tostring(L, -1);
        if (!message && luaL_getmetafield(L, -1, "__tostring") != LUA_TNIL) {
            lua_pop(L, 1);
            message = luaL_tolstring(L, -1, NULL);
        }
        if (!message)
            message = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, -1));
        fprintf(stderr, "%s: %s\n", CLI_NAME, message);
    }
    fflush(stderr);
    lua_settop(L, 0);
    return status;
}

int cli_call(lua_State *L, int nargs) {
    return enc_lua_call(L, nargs);
}

static int run_chunk(lua_State *L, int status) {
    if (status == LUA_OK)
        status = cli_call(L, 0);
    cli_report(L, status);
    lua_settop(L, 0);
    return status;
}

static int run_string(lua_State *L, const char *code, const char *name) {
    return run_chunk(L, luaL_loadbuffer(L, code, strlen(code), name));
}

/* ---- the command line -------------------------------------------------------------------- */

static struct options read_options(char **argv) {
    struct options o = {false};
    for (o.first = 1; argv[o.first] && argv[o.first][0] == '-'; o.first++) {
        const char *arg = argv[o.first];
        o.bad = arg;
        switch (arg[1]) {
        case '\0': /* "-" is the script */
            return o;
        case '-':
            o.error = arg[2] != '\0';
            o.first++;
            return o;
        case 'E':
            o.no_env = true;
            o.error = arg[2] != '\0';
            break;
        case 'i':
            o.interactive = true; /* and with it: */
            o.version = true;
            o.error = arg[2] != '\0';
            break;
        case 'v':
            o.version = true;
            o.error = arg[2] != '\0';
            break;
        case 'W':
            o.error = arg[2] != '\0';
            break;
        case 'e':
            o.execute = true;
            /* fall through */
        case 'l':
            if (arg[2] == '\0') {
                const char *value = argv[++o.first];
                o.error = !value || value[0] == '-';
            }
            break;
        default:
            o.error = true;
        }
        if (o.error)
            return o;
    }
    return o;
}

/* The global arg: the script at 0, its arguments above, the rest below. */
static void make_arg(lua_State *L, char **argv, int argc, int script) {
    if (script == argc)
        script = 0; /* no script name */
    lua_createtable(L, argc - script - 1 > 0 ? argc - script - 1 : 0, script + 1);
    for (int i = 0; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i - script);
    }
    lua_setglobal(L, "arg");
}

/* -l mod or -l global=mod */
static int require_library(lua_State *L, const char *name) {
    const char *equals = strchr(name, '=');
    const char *module = equals ? equals + 1 : name;
    lua_getglobal(L, "require");
    lua_pushstring(L, module);
    int status = cli_call(L, 1);
    if (status == LUA_OK) {
        lua_settop(L, 1);
        lua_pushlstring(L, name, equals ? (size_t)(equals - name) : strlen(name));
        lua_insert(L, 1);
        lua_pushglobaltable(L);
        lua_insert(L, 1);
        lua_settable(L, 1);
    }
    cli_report(L, status);
    lua_settop(L, 0);
    return status;
}

static bool run_options(lua_State *L, char **argv, int end) {
    for (int i = 1; i < end; i++) {
        int option = argv[i][1];
        if (option == 'W') {
            lua_warning(L, "@on", 0);
        } else if (option == 'e' || option == 'l') {
            const char *value = argv[i][2] ? argv[i] + 2 : argv[++i];
            int status =
                option == 'e' ? run_string(L, value, "=(command line)") : require_library(L, value);
            if (status != LUA_OK)
                return false;
        }
    }
    return true;
}

static int run_init(lua_State *L) {
    const char *name = "=LUA_INIT" LUA_VERSUFFIX;
    const char *init = getenv(name + 1);
    if (!init) {
        name = "=LUA_INIT";
        init = getenv(name + 1);
    }
    if (!init)
        return LUA_OK;
    return init[0] == '@' ? run_chunk(L, luaL_loadfile(L, init + 1)) : run_string(L, init, name);
}

/* ---- the script --------------------------------------------------------------------------- */

/* Pushes arg[1], arg[2] … and gives their number. */
static int push_arguments(lua_State *L) {
    if (lua_getglobal(L, "arg") != LUA_TTABLE)
        luaL_error(L, "'arg' is not a table");
    int count = (int)luaL_len(L, -1);
    luaL_checkstack(L, count + 3, "too many arguments to script");
    int list = lua_gettop(L);
    for (int i = 1; i <= count; i++)
        lua_rawgeti(L, list, i);
    lua_remove(L, list);
    return count;
}

static int run_script(lua_State *L, char **argv, int first) {
    const char *name = argv[first];
    if (strcmp(name, "-") == 0 && strcmp(argv[first - 1], "--") != 0)
        name = NULL; /* standard input */
    int status = luaL_loadfile(L, name);
    if (status == LUA_OK)
        status = cli_call(L, push_arguments(L));
    cli_report(L, status);
    lua_settop(L, 0);
    if (status == LUA_ERRFILE)
        cli_hint(L, name);
    return status;
}

/* ---- all of it, under a pcall -------------------------------------------------------------- */

static void open_all(lua_State *L, char **argv, int argc, const struct options *o) {
    struct enclave_error err;
    if (o->no_env) {
        lua_pushboolean(L, 1);
        lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
    }
    luaL_openlibs(L);
    make_arg(L, argv, argc, o->first);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_enclave_core);
    lua_setfield(L, -2, "enclave.core");
    lua_settop(L, 0);
    lua_gc(L, LUA_GCGEN, 0, 0);
    if (cli_signals_start(L, &err))
        luaL_error(L, "cannot start the engine: %s", err.message);
    cli_find_files(L, !o->no_env);
}

/* Gives the exit code. */
static int run(lua_State *L, char **argv, int argc) {
    struct options o = read_options(argv);
    bool help = argv[1] && cli_is_help(argv[1]);
    bool versions = argv[1] && strcmp(argv[1], "--version") == 0;
    if (o.error && !help && !versions) {
        print_usage(o.bad);
        return EXIT_FAILURE;
    }
    if (o.version)
        cli_print_version();
    open_all(L, argv, argc, &o);
    if (versions) {
        cli_print_versions(L);
        return EXIT_SUCCESS;
    }
    if (!o.no_env && run_init(L) != LUA_OK)
        return EXIT_FAILURE;
    if (help || (o.first == 1 && cli_is_command(L, argv[1])))
        return cli_command(L, argv + 1);
    if (!run_options(L, argv, o.first))
        return EXIT_FAILURE;
    if (o.first < argc && run_script(L, argv, o.first) != LUA_OK)
        return EXIT_FAILURE;
    if (o.interactive) {
        cli_repl(L);
    } else if (o.first == argc && !o.execute && !o.version) {
        if (isatty(STDIN_FILENO)) {
            cli_print_version();
            cli_repl(L);
        } else if (run_chunk(L, luaL_loadfile(L, NULL)) != LUA_OK) {
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}

static int protected_main(lua_State *L) {
    int argc = (int)lua_tointeger(L, 1);
    char **argv = lua_touserdata(L, 2);
    lua_settop(L, 0);
    lua_pushinteger(L, run(L, argv, argc));
    return 1;
}

static int close_all(lua_State *L) {
    enc_lua_close(L);
    return 0;
}

int main(int argc, char **argv) {
    lua_State *L = luaL_newstate();
    if (!L) {
        fprintf(stderr, "%s: cannot create state: not enough memory\n", CLI_NAME);
        return EXIT_FAILURE;
    }
    lua_pushcfunction(L, protected_main);
    lua_pushinteger(L, argc);
    lua_pushlightuserdata(L, argv);
    int status = lua_pcall(L, 2, 1, 0);
    int code = status == LUA_OK ? (int)lua_tointeger(L, -1) : EXIT_FAILURE;
    cli_report(L, status);
    lua_pushcfunction(L, close_all); /* while every object is still whole */
    lua_pcall(L, 0, 0, 0);
    lua_close(L);
    return cli_signal() ? 128 + cli_signal() : code;
}
