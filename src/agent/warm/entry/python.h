/* python.h - what the parts for the Python server share: what it knows of itself, and the
 * interpreter's interface, which the dynamic linker finds. Only functions that every
 * version has from 3.8 on. */
#ifndef AGENT_ENTRY_PYTHON_H
#define AGENT_ENTRY_PYTHON_H

#include "entry.h"

struct folder {
    const char *path;
    int64_t seconds; /* of its last change; -1: it is not there */
    int64_t nanoseconds;
};
/* A place where the interpreter keeps the script's name. */
struct rename {
    uintptr_t at;
    uintptr_t back; /* it is a full path's end: its start is so many characters before */
};
/* What the server knows; a ctypes structure there. Objects are held by the server. */
struct known {
    const struct folder *folders; /* of modules */
    const char *user_site;        /* behind HOME */
    const char *user_base;
    const char *mark;
    const struct rename *renames;
    const char *coerced; /* "NAME=value" that the interpreter sets where it is not; NULL */
    void *environment;   /* dict: os.environ's */
    void *arguments;     /* list: sys.argv */
    void *words;         /* list: sys.orig_argv; NULL */
    void *site;          /* dict: the module's variables */
    void *modules;       /* dict: sys.modules */
    void *kept;          /* dict: modules that are not brought back yet */
    void *importers;     /* dict: sys.path_importer_cache */
    void *none;
    void *take_input;     /* called where standard input is a pipe */
    void *take_zone;      /* called where the job has a time zone */
    void *take_thread;    /* called in any case; NULL */
    int64_t module_count; /* before the program */
    int folder_count;
    int rename_count;
};

extern void PyOS_BeforeFork(void) WEAK;
extern void PyOS_AfterFork_Parent(void) WEAK;
extern void PyOS_AfterFork_Child(void) WEAK;
extern void *PyObject_CallObject(void *callable, void *arguments) WEAK;
extern void PyErr_Clear(void) WEAK;
extern void Py_DecRef(void *object) WEAK;
extern void PyDict_Clear(void *dict) WEAK;
extern int PyDict_Contains(void *dict, void *key) WEAK;
extern int PyDict_SetItem(void *dict, void *key, void *value) WEAK;
extern int PyDict_SetItemString(void *dict, const char *key, void *value) WEAK;
extern ptrdiff_t PyDict_Size(void *dict) WEAK;
extern void *PyBytes_FromStringAndSize(const char *text, ptrdiff_t size) WEAK;
extern void *PyUnicode_DecodeFSDefaultAndSize(const char *text, ptrdiff_t size) WEAK;
extern ptrdiff_t PyUnicode_AsWideChar(void *text, uint32_t *wide, ptrdiff_t size) WEAK;
extern void *PyList_New(ptrdiff_t size) WEAK;
extern int PyList_SetItem(void *list, ptrdiff_t at, void *item) WEAK;
extern ptrdiff_t PyList_Size(void *list) WEAK;
extern int PyList_SetSlice(void *list, ptrdiff_t from, ptrdiff_t to, void *items) WEAK;

/* python.c: whether the folders of modules are not as the server found them. */
int folders_differ(const struct known *known);
/* The same: how deep the stack is where the quick end may act; 1: nowhere. */
void enclave_end_is(uintptr_t depth);
/* become.c: in a child that has its job: turns it into what `python3 ARGUMENTS` would be
 * by now; executes that where it could not be the same. */
void enclave_become(struct known *known, const struct warm_view *view);

#endif
