#include "warm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kind.h"
#include "warm_files.h"

/* Common, and cheap in memory. Servers import them once; a run has them in no time. */
static const char default_preload[] =
    "json,re,math,random,datetime,collections,itertools,functools,typing,string,heapq,bisect,"
    "copy,operator,time,enum,dataclasses,contextlib,decimal,fractions,statistics,textwrap";

void warm_is_up(struct warm_kind *kind, const char *version) {
    kind->state = WARM_UP;
    kind->failures = 0;
    kind->warm->changed(kind->warm->owner, kind->name, true, version);
}

static void kind_start(struct warm_kind *kind) {
    kind->state = WARM_STARTING;
    if (kind->is_python)
        warm_server_start(kind);
    else if (!warm_spare_prepare(kind))
        warm_failed(kind, true, "it cannot be started");
}

static void kind_again(struct loop_timer *timer) {
    kind_start(ENC_CONTAINER_OF(timer, struct warm_kind, timer));
}

void warm_failed(struct warm_kind *kind, bool for_good, const char *reason) {
    if (kind->state == WARM_OFF)
        return;
    kind->failures++;
    if (for_good || kind->failures >= WARM_FAILURES_MAX) {
        kind->state = WARM_OFF;
        kind->warm->changed(kind->warm->owner, kind->name, false, reason);
        return;
    }
    kind->state = WARM_PAUSED;
    kind->timer.fire = kind_again;
    uint64_t pause = 50 * ENC_NS_PER_MS << kind->failures;
    loop_timer_start(kind->warm->loop, &kind->timer, enc_deadline_in(pause));
}

static char **copy_texts(const char *const *texts) {
    size_t count = 0;
    while (texts && texts[count])
        count++;
    char **copy = calloc(count + 1, sizeof *copy);
    if (!copy)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        copy[i] = strdup(texts[i]);
        if (!copy[i]) {
            while (i > 0)
                free(copy[--i]);
            free(copy);
            return NULL;
        }
    }
    return copy;
}

static char *join(const char *const *texts) {
    size_t size = 1;
    for (const char *const *each = texts; *each; each++)
        size += strlen(*each) + 1;
    char *joined = calloc(1, size), *at = joined;
    for (const char *const *each = texts; joined && *each; each++) {
        size_t len = strlen(*each);
        if (at > joined)
            *at++ = ',';
        memcpy(at, *each, len);
        at += len;
    }
    return joined;
}

static uint64_t own_caps(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    memset(data, 0, sizeof data);
    if (syscall(SYS_capget, &header, data) < 0)
        return 0;
    return WARM_CAPS & (data[0].permitted | (uint64_t)data[1].permitted << 32);
}

static void kind_init(struct warm *warm, const char *name) {
    struct warm_kind *kind = &warm->kinds[warm->kind_count];
    kind->warm = warm;
    kind->is_python = strncmp(name, "python", 6) == 0;
    kind->name = strdup(name);
    warm_server_init(kind);
    warm_spare_init(kind);
    if (kind->name)
        warm->kind_count++;
}

/* Everything that can fail before the first process. */
static bool prepare(struct warm *warm, const struct warm_settings *settings) {
    const char *path = warm_variable(settings->env, "PATH");
    warm->env = copy_texts(settings->env);
    warm->preload = settings->preload ? join(settings->preload) : strdup(default_preload);
    warm->path = strdup(path ? path : "/usr/local/bin:/usr/bin:/bin");
    warm->entry_file = warm_file_entry();
    warm->python_file = warm_file_python();
    warm->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    warm->identity = (struct identity){.uid = geteuid(), .gid = getegid()};
    warm->caps = own_caps();
    return warm->env && warm->preload && warm->path && warm->entry_file >= 0 &&
           warm->python_file >= 0 && warm->null_fd >= 0;
}

struct warm *warm_new(struct loop *loop, struct tree *tree, const struct warm_settings *settings) {
    struct warm *warm = calloc(1, sizeof *warm);
    if (!warm)
        return NULL;
    warm->loop = loop;
    warm->tree = tree;
    warm->changed = settings->changed;
    warm->lacks = settings->lacks;
    warm->owner = settings->owner;
    warm->user_namespace = settings->user_namespace;
    if (!prepare(warm, settings)) {
        int error = errno;
        warm_free(warm);
        errno = error;
        return NULL;
    }
    for (const char *const *name = settings->names; name && *name; name++) {
        bool known = warm->kind_count == WARM_KINDS_MAX;
        for (unsigned i = 0; i < warm->kind_count; i++)
            known = known || strcmp(warm->kinds[i].name, *name) == 0;
        if (!known)
            kind_init(warm, *name);
    }
    for (unsigned i = 0; i < warm->kind_count; i++)
        kind_start(&warm->kinds[i]);
    return warm;
}

static void kind_stop(struct warm_kind *kind) {
    loop_timer_stop(&kind->timer);
    loop_timer_stop(&kind->ahead);
    if (kind->is_python)
        warm_server_stop(kind);
    else
        warm_spare_drop(kind);
}

void warm_free(struct warm *warm) {
    if (!warm)
        return;
    for (unsigned i = 0; i < warm->kind_count; i++) {
        kind_stop(&warm->kinds[i]);
        free(warm->kinds[i].name);
    }
    for (char **each = warm->env; each && *each; each++)
        free(*each);
    free(warm->env);
    free(warm->preload);
    free(warm->path);
    const int files[] = {warm->entry_file, warm->python_file, warm->null_fd};
    for (unsigned i = 0; i < 3; i++)
        if (files[i] > 0)
            close(files[i]);
    free(warm);
}

bool warm_settled(const struct warm *warm) {
    for (unsigned i = 0; warm && i < warm->kind_count; i++)
        if (warm->kinds[i].state != WARM_UP && warm->kinds[i].state != WARM_OFF)
            return false;
    return true;
}

pid_t warm_spawn(struct warm *warm,
                 const char *name,
                 const struct spawn *spec,
                 struct spawn_error *error) {
    for (unsigned i = 0; warm && name && i < warm->kind_count; i++) {
        struct warm_kind *kind = &warm->kinds[i];
        if (kind->state == WARM_UP && strcmp(kind->name, name) == 0)
            return warm_fits(kind, spec) ? warm_spare_use(kind, spec, error) : 0;
    }
    return 0;
}

void warm_idle(struct warm *warm) {
    for (unsigned i = 0; warm && i < warm->kind_count; i++)
        warm_spare_prepare(&warm->kinds[i]);
}

bool warm_forking(const struct warm *warm) {
    for (unsigned i = 0; warm && i < warm->kind_count; i++)
        if (warm->kinds[i].spare.fd >= 0 && !warm->kinds[i].spare_waits)
            return true;
    return false;
}

void warm_restart(struct warm *warm) {
    for (unsigned i = 0; warm && i < warm->kind_count; i++) {
        struct warm_kind *kind = &warm->kinds[i];
        if (kind->state == WARM_OFF)
            continue;
        kind_stop(kind);
        kind_start(kind);
    }
}
