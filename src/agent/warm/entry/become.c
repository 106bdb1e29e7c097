/* become.c - what a child of the Python server does between its job and its program. In
 * C, and with few objects: each page that it touches has to be copied from the server's. */
#include <stddef.h>
#include <stdint.h>

#include <asm/stat.h>

#include "../job.h"
#include "python.h"

enum { PATH_ROOM = 4096, SCRIPT_ROOM = WARM_MARK_SIZE - 300 };

/* The C library's. */
extern char **environ WEAK;

static size_t length_of(const char *text) {
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

/* Puts two texts in a row. -1: they are too long. */
static int join(char *room, size_t size, const char *first, const char *second) {
    size_t used = 0;
    for (; *first && used < size; first++)
        room[used++] = *first;
    for (; *second && used < size; second++)
        room[used++] = *second;
    if (used == size)
        return -1;
    room[used] = 0;
    return 0;
}

/* The length of a variable's name: up to "=", or the whole. */
static size_t name_length(const char *variable) {
    size_t length = 0;
    while (variable[length] && variable[length] != '=')
        length++;
    return length;
}

/* The value of a variable of the job's, or NULL. */
static const char *find_variable(const struct warm_view *view, const char *name) {
    size_t wanted = name_length(name);
    for (const char *at = view->variables; at < view->end; at += length_of(at) + 1) {
        size_t i = 0;
        while (i < wanted && at[i] == name[i])
            i++;
        if (i == wanted && at[i] == '=')
            return at + i + 1;
    }
    return NULL;
}

/* Looking ----------------------------------------------------------------------------- */

static int has_user_site(const struct known *known, const char *home) {
    char path[PATH_ROOM];
    struct stat state;
    return join(path, sizeof path, home, known->user_site) < 0 ||
           sys6(SYS_newfstatat_, AT_FDCWD_, path, &state, 0, 0, 0) == 0;
}

static int holds(const char *text, long size, const char *word, long length) {
    for (long i = 0; i + length <= size; i++) {
        long j = 0;
        while (j < length && text[i + j] == word[j])
            j++;
        if (j == length)
            return 1;
    }
    return 0;
}

/* What is known of a script from looking at it. */
enum {
    PLAIN = 1,   /* a file that is surely neither a folder nor an archive */
    WATCHES = 2, /* it may watch imports, and would not see those of kept modules, or the end */
};

static int look_at_text(const char *text, long size) {
    enum { HEAD = 1 << 20, TAIL = 65535 + 22 }; /* a ZIP archive ends within that */
    static const char word[] = "addaudithook", archive_end[] = "PK\5\6";
    long tail = size < TAIL ? size : TAIL;
    int found = holds(text + size - tail, tail, archive_end, 4) ? 0 : PLAIN;
    return found | (holds(text, size < HEAD ? size : HEAD, word, sizeof word - 1) ? WATCHES : 0);
}

static int look_at_script(const char *script) {
    enum { NONBLOCK = 04000, TYPE = 0170000, REGULAR = 0100000 };
    struct stat state;
    int found = 0;
    long fd = sys3(SYS_openat_, AT_FDCWD_, script, O_CLOEXEC_ | NONBLOCK);
    if (fd < 0)
        return 0;
    if (sys3(SYS_fstat_, fd, &state, 0) == 0 && (state.st_mode & TYPE) == REGULAR) {
        long size = (long)state.st_size;
        long text = size > 0 ? sys6(SYS_mmap_, 0, size, 1, 2, fd, 0) : 0;
        found = size == 0 ? PLAIN : 0;
        if (size > 0 && (text > 0 || text < -4096)) {
            found = look_at_text((const char *)text, size);
            sys3(SYS_munmap_, text, size, 0);
        }
    }
    sys3(SYS_close_, fd, 0, 0);
    return found;
}

static int input_is_pipe(void) {
    enum { TYPE = 0170000, PIPE = 0010000 };
    struct stat state;
    return sys3(SYS_fstat_, 0, &state, 0) == 0 && (state.st_mode & TYPE) == PIPE;
}

/* Doing; mostly 0, or -1 where it could not be done ------------------------------------ */

static void *decode(const char *text) {
    return PyUnicode_DecodeFSDefaultAndSize(text, (ptrdiff_t)length_of(text));
}

static int call(void *callable) {
    void *result = PyObject_CallObject(callable, NULL);
    if (result)
        Py_DecRef(result);
    return result ? 0 : -1;
}

/* As the interpreter does: without "=" it is no variable; the first one wins. 1: it was
 * put there. */
static int put_variable(const struct known *known, const char *variable) {
    size_t length = name_length(variable);
    if (length == 0 || !variable[length])
        return 0;
    const char *value = variable + length + 1;
    void *key = PyBytes_FromStringAndSize(variable, (ptrdiff_t)length);
    void *object = PyBytes_FromStringAndSize(value, (ptrdiff_t)length_of(value));
    int has = key && object ? PyDict_Contains(known->environment, key) : -1;
    int put = has == 0 ? 1 : has == 1 ? 0 : -1;
    if (put > 0 && PyDict_SetItem(known->environment, key, object) < 0)
        put = -1;
    if (key)
        Py_DecRef(key);
    if (object)
        Py_DecRef(object);
    return put;
}

/* variables: the job's, with room for one more. */
static int take_environment(const struct known *known,
                            const struct warm_view *view,
                            char **variables) {
    PyDict_Clear(known->environment);
    for (uint32_t i = 0; i < view->variable_count; i++)
        if (put_variable(known, variables[i]) < 0)
            return -1;
    int put = known->coerced ? put_variable(known, known->coerced) : 0;
    if (put > 0)
        variables[view->variable_count] = (char *)(uintptr_t)known->coerced;
    environ = variables; /* the C library's is the job's now */
    return put < 0 || (find_variable(view, "TZ") && call(known->take_zone) < 0) ? -1 : 0;
}

/* A list of the words from the first one on, in place of what the list had. */
static int take_words(void *list, char **words, uint32_t first, uint32_t count) {
    void *fresh = PyList_New((ptrdiff_t)(count - first));
    int failed = !fresh;
    for (uint32_t i = first; !failed && i < count; i++) {
        void *word = decode(words[i]);
        failed = !word || PyList_SetItem(fresh, (ptrdiff_t)(i - first), word) < 0;
    }
    failed = failed || PyList_SetSlice(list, 0, PyList_Size(list), fresh) < 0;
    if (fresh)
        Py_DecRef(fresh);
    return failed ? -1 : 0;
}

static int take_user_site(const struct known *known, const char *home) {
    const char *const names[2] = {"USER_BASE", "USER_SITE"};
    const char *const ends[2] = {known->user_base, known->user_site};
    char path[PATH_ROOM];
    int failed = 0;
    for (int i = 0; i < 2 && !failed; i++) {
        void *text = NULL;
        if (join(path, sizeof path, home, ends[i]) == 0)
            text = decode(path);
        failed = !text || PyDict_SetItemString(known->site, names[i], text) < 0;
        if (text)
            Py_DecRef(text);
    }
    return failed ? -1 : 0;
}

/* Puts a name in a place that still holds the mark; the number of places. */
static int put_name(const struct known *known, const struct rename *place, void *name) {
    uint32_t wide[WARM_MARK_SIZE];
    uint32_t *at = (uint32_t *)place->at;
    for (int i = 0; known->mark[i]; i++)
        if (at[i] != (unsigned char)known->mark[i])
            return 0;
    ptrdiff_t length = PyUnicode_AsWideChar(name, wide, WARM_MARK_SIZE);
    if (length < 0 || length >= WARM_MARK_SIZE - 1)
        return 0;
    at -= place->back;
    for (ptrdiff_t i = 0; i < length; i++)
        at[i] = wide[i];
    at[length] = 0;
    return 1;
}

static int put_names(const struct known *known, void *name, void *full) {
    int done = 0;
    void *last = name; /* what the interpreter asked its path hooks about */
    for (int i = 0; i < known->rename_count; i++) {
        last = known->renames[i].back ? full : last;
        done += put_name(known, &known->renames[i], known->renames[i].back ? full : name);
    }
    /* As they would have answered. */
    return done < 2 ? -1 : PyDict_SetItem(known->importers, last, known->none);
}

/* Puts the script's name where the interpreter will look for it. */
static int rename_script(const struct known *known, const char *script) {
    char folder[PATH_ROOM], full[WARM_MARK_SIZE];
    size_t length = length_of(script);
    if (length == 0 || length > SCRIPT_ROOM)
        return -1;
    folder[0] = 0;
    if (script[0] != '/') {
        long size = sys3(SYS_getcwd_, folder, sizeof folder - 1, 0);
        if (size <= 0)
            return -1;
        folder[size - 1] = '/';
        folder[size] = 0;
    }
    if (join(full, sizeof full, folder, script) < 0)
        return -1;
    void *names[2] = {decode(script), decode(full)};
    int done = names[0] && names[1] ? put_names(known, names[0], names[1]) : -1;
    for (int i = 0; i < 2; i++)
        if (names[i])
            Py_DecRef(names[i]);
    return done;
}

static int take_job(struct known *known, const struct warm_view *view, char **words) {
    const char *home = find_variable(view, "HOME");
    if (!home || view->argument_count < 2 || folders_differ(known) || has_user_site(known, home))
        return -1;
    int found = look_at_script(words[1]);
    if (!(found & PLAIN))
        return -1;
    if (found & WATCHES) {
        PyDict_Clear(known->kept);
        enclave_end_is(1); /* no stack is that deep: it ends as ever */
    }
    if (rename_script(known, words[1]) < 0 ||
        take_environment(known, view, words + view->argument_count + 1) < 0 ||
        (input_is_pipe() && call(known->take_input) < 0) ||
        (known->take_thread && call(known->take_thread) < 0) || take_user_site(known, home) < 0 ||
        take_words(known->arguments, words, 1, view->argument_count) < 0 ||
        (known->words && take_words(known->words, words, 0, view->argument_count) < 0))
        return -1;
    known->module_count = PyDict_Size(known->modules);
    return 0;
}

/* Whether the interpreter has all that is needed here. */
EXPORT int enclave_can_become(void) {
    return environ && PyObject_CallObject && Py_DecRef && PyDict_Clear && PyDict_Contains &&
           PyDict_SetItem && PyDict_SetItemString && PyDict_Size && PyBytes_FromStringAndSize &&
           PyUnicode_DecodeFSDefaultAndSize && PyUnicode_AsWideChar && PyList_New &&
           PyList_SetItem && PyList_Size && PyList_SetSlice;
}

EXPORT void enclave_become(struct known *known, const struct warm_view *view) {
    char **words = vectors(view);
    if (!words)
        leave(126);
    if (take_job(known, view, words) == 0)
        return;
    char **variables = words + view->argument_count + 1;
    variables[view->variable_count] = NULL;
    sys3(SYS_execve_, view->path, words, variables);
    leave(126);
}
