/* Which runs a warm process can serve. It has started already: what acts on a program
 * while it starts - its environment in parts, its limits in parts - must be as it was. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kind.h"

const char *warm_variable(const char *const *env, const char *name) {
    size_t length = strlen(name);
    for (; env && *env; env++) {
        if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
            return *env + length + 1;
    }
    return NULL;
}

bool warm_find(const char *name, const char *path, char *found, size_t size) {
    struct stat info;
    if (strchr(name, '/'))
        return (size_t)snprintf(found, size, "%s", name) < size && access(found, X_OK) == 0;
    for (const char *at = path; at;) {
        const char *end = strchr(at, ':');
        size_t length = end ? (size_t)(end - at) : strlen(at);
        if (length > 0 && length + strlen(name) + 2 <= size) {
            snprintf(found, size, "%.*s/%s", (int)length, at, name);
            if (stat(found, &info) == 0 && S_ISREG(info.st_mode) && access(found, X_OK) == 0)
                return true;
        }
        at = end ? end + 1 : NULL;
    }
    return false;
}

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

static bool starts_with_any(const char *variable, const char *const *starts) {
    while (*starts && !starts_with(variable, *starts))
        starts++;
    return *starts != NULL;
}

bool warm_is_given(const char *variable) {
    static const char *const given[] = {"LC_",
                                        "LANG=",
                                        "LANGUAGE=",
                                        "PYTHONUNBUFFERED=",
                                        "PYTHONDONTWRITEBYTECODE=",
                                        "PYTHONFAULTHANDLER=",
                                        "PYTHONIOENCODING=",
                                        "PYTHONUTF8=",
                                        "OMP_",
                                        "OPENBLAS_",
                                        "MKL_",
                                        "BLIS_",
                                        "NUMEXPR_",
                                        "KMP_",
                                        "GOMP_",
                                        NULL};
    return starts_with_any(variable, given);
}

/* Variables that the dynamic linker, the C library or a preloaded module has read. */
static bool is_early(const char *variable, bool is_python) {
    static const char *const any[] = {"LD_", "MALLOC_", "GLIBC_TUNABLES=", NULL};
    static const char *const python[] = {
        "PYTHON", "LOCPATH=", "NLSPATH=", "OPENSSL_", "SSL_", "GCONV_PATH=", "__PYVENV", NULL};
    /* Python's own images have these, of which no interpreter knows. */
    static const char *const unread[] = {"PYTHON_VERSION=",
                                         "PYTHON_SHA256=",
                                         "PYTHON_PIP_VERSION=",
                                         "PYTHON_SETUPTOOLS_VERSION=",
                                         "PYTHON_GET_PIP_",
                                         NULL};
    return starts_with_any(variable, any) ||
           (is_python && starts_with_any(variable, python) && !warm_is_given(variable) &&
            !starts_with_any(variable, unread));
}

static bool same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Every variable of one environment that a server is given is in the other. */
static bool given_within(const char *const *env, const char *const *other) {
    char name[64];
    for (; env && *env; env++) {
        if (!warm_is_given(*env))
            continue;
        size_t length = strcspn(*env, "=");
        if (length >= sizeof name)
            return false;
        memcpy(name, *env, length);
        name[length] = '\0';
        if (!same(*env + length + 1, warm_variable(other, name)))
            return false;
    }
    return true;
}

static bool arguments_fit(const struct warm_kind *kind, const char *const *argv) {
    if (strcmp(argv[0], kind->name) != 0 || !argv[1])
        return false;
    if (kind->is_python) /* a script; an option is the interpreter's business from its start */
        return argv[1][0] != '\0' && argv[1][0] != '-';
    return strcmp(argv[1], "-c") == 0 && argv[2] && !argv[3];
}

/* Of a limit on its address space a child of the server has less left than an interpreter of its
 * own would: an eighth less at most, or it is executed. */
static bool memory_fits(const struct warm_kind *kind, uint64_t limit) {
    return limit == 0 || limit / 8 >= kind->size;
}

bool warm_fits(const struct warm_kind *kind, const struct spawn *spec) {
    const char *const *theirs = (const char *const *)kind->warm->env;
    if (!arguments_fit(kind, spec->argv) || spec->extra_count > 0 || spec->keep_caps ||
        spec->limits.stack_bytes > 0 || !memory_fits(kind, spec->limits.memory_bytes))
        return false;
    if (!same(warm_variable(spec->env, "PATH"), kind->warm->path))
        return false;
    for (const char *const *each = spec->env; each && *each; each++) {
        const char *equals = strchr(*each, '=');
        if (!equals || equals == *each || is_early(*each, kind->is_python))
            return false;
    }
    if (!kind->is_python)
        return true;
    return warm_variable(spec->env, "HOME") && given_within(spec->env, theirs) &&
           given_within(theirs, spec->env);
}
