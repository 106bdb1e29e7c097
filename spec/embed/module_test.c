/* The library and the Lua module loaded and unloaded a hundred times in one process: nothing of
 * them is left, no thread, no descriptor, and memory stays as it is. */
#include <dirent.h>
#include <dlfcn.h>
#include <enclave/enclave.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include <cmocka.h>

#define TIMES 100

static int entries(const char *path) {
    DIR *folder = opendir(path);
    int found = 0;
    assert_non_null(folder);
    while (readdir(folder))
        found++;
    closedir(folder);
    return found;
}

/* KiB that this process has in memory. */
static long resident(void) {
    long size = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &size, &pages), 2);
    fclose(file);
    return pages * 4;
}

static void load_library(void) {
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fail_msg("%s", dlerror());
    struct enclave *(*open)(const struct enclave_options *, struct enclave_error *);
    void (*close)(struct enclave *);
    char *(*stats)(struct enclave *, struct enclave_error *);
    void (*give_back)(void *);
    *(void **)&open = dlsym(library, "enclave_open");
    *(void **)&close = dlsym(library, "enclave_close");
    *(void **)&stats = dlsym(library, "enclave_stats");
    *(void **)&give_back = dlsym(library, "enclave_free");
    struct enclave *engine = open(NULL, NULL);
    assert_non_null(engine);
    char *json = stats(engine, NULL);
    assert_non_null(json);
    give_back(json);
    close(engine);
    assert_int_equal(dlclose(library), 0);
}

/* What stock Lua does with a module: lua_close unloads it. */
static void load_module(void) {
    static const char script[] =
        "package.cpath = ...\n"
        "local core = require 'enclave.core'\n"
        "local pool = assert(core.pool('fake', nil, {}, { size = 1 }))\n"
        "assert(pool:warm())\n"
        "assert(pool:acquire(10)):close()\n"
        "if math.random(2) == 1 then pool:close() end\n"; /* or by lua_close */
    lua_State *L = luaL_newstate();
    assert_non_null(L);
    luaL_openlibs(L);
    assert_int_equal(luaL_loadstring(L, script), LUA_OK);
    lua_pushstring(L, MODULES "/?.so");
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        fail_msg("%s", luaL_tolstring(L, -1, NULL));
    lua_close(L);
}

static void a_hundred_times(void (*load)(void)) {
    load(); /* what the libraries under it keep for the process is there now */
    load();
    int threads = entries("/proc/self/task"), descriptors = entries("/proc/self/fd");
    long memory = resident();
    for (int i = 0; i < TIMES; i++)
        load();
    assert_int_equal(entries("/proc/self/task"), threads);
    assert_int_equal(entries("/proc/self/fd"), descriptors);
    long more = resident() - memory;
    print_message("%ld KiB more after %d times\n", more, TIMES);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
    assert_true(more < 16 * 1024);
#endif
}

static void the_library(void **state) {
    (void)state;
    a_hundred_times(load_library);
}

static void the_module(void **state) {
    (void)state;
    a_hundred_times(load_module);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library),
        cmocka_unit_test(the_module),
    };
    return cmocka_run_group_tests_name("module", tests, NULL, NULL);
}
