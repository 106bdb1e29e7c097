#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PASSES 8

struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short len;
    unsigned char type;
    char name[];
};

int tree_open(struct tree *tree) {
    tree->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return tree->proc < 0 ? -1 : 0;
}

bool tree_keep(struct tree *tree, pid_t pid) {
    if (tree->kept_count == TREE_KEPT_MAX)
        return false;
    tree->kept[tree->kept_count++] = pid;
    return true;
}

void tree_forget(struct tree *tree, pid_t pid) {
    for (unsigned i = 0; i < tree->kept_count; i++) {
        if (tree->kept[i] == pid) {
            tree->kept[i] = tree->kept[--tree->kept_count];
            return;
        }
    }
}

/* "pid (name) state parent group session …", where the name may hold anything. */
static bool parse_stat(char *text, struct process *process) {
    char *at = strrchr(text, ')');
    if (!at || at[1] != ' ' || !at[2])
        return false;
    process->dead = at[2] == 'Z' || at[2] == 'X';
    at += 3;
    process->parent = (pid_t)strtol(at, &at, 10);
    process->group = (pid_t)strtol(at, &at, 10);
    process->session = (pid_t)strtol(at, &at, 10);
    for (unsigned i = 0; i < 15; i++) /* to field 22, the start */
        strtoll(at, &at, 10);
    process->start = strtoull(at, NULL, 10);
    return true;
}

static bool is_kept_id(const struct tree *tree, pid_t pid) {
    for (unsigned i = 0; i < tree->kept_count; i++) {
        if (tree->kept[i] == pid)
            return true;
    }
    return false;
}

/* What is kept is of no interest itself. False: it may be there, and cannot be looked at. */
static bool add(struct tree *tree, const char *name) {
    struct process process = {.pid = atoi(name)};
    char path[32], text[1024];
    if (process.pid <= 1 || tree->count == TREE_MAX || is_kept_id(tree, process.pid))
        return true;
    snprintf(path, sizeof path, "%d/stat", process.pid);
    int fd = openat(tree->proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ESRCH; /* it has gone meanwhile */
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len <= 0)
        return true;
    text[len] = '\0';
    if (parse_stat(text, &process))
        tree->table[tree->count++] = process;
    return true;
}

/* The table, in order of pid. */
static int scan(struct tree *tree) {
    char buffer[8192] __attribute__((aligned(8)));
    bool seen = true;
    long len;
    memcpy(tree->before, tree->table, tree->count * sizeof tree->table[0]);
    tree->before_count = tree->count;
    tree->count = 0;
    if (tree->proc < 0 || lseek(tree->proc, 0, SEEK_SET) < 0)
        return -1;
    while ((len = syscall(SYS_getdents64, tree->proc, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < len;) {
            struct entry *entry = (struct entry *)(void *)(buffer + at);
            if (entry->name[0] >= '1' && entry->name[0] <= '9')
                seen &= add(tree, entry->name);
            at += entry->len;
        }
    }
    return len < 0 || !seen ? -1 : 0;
}

static const struct process *find(const struct process *table, unsigned count, pid_t pid) {
    unsigned low = 0, high = count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (table[middle].pid == pid)
            return &table[middle];
        if (table[middle].pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool is_kept(const struct tree *tree, const struct process *process) {
    for (unsigned depth = 0; process && depth < TREE_MAX; depth++) {
        if (is_kept_id(tree, process->parent))
            return true;
        process = find(tree->table, tree->count, process->parent);
    }
    return false;
}

static bool is_of(const struct tree *tree, const struct process *process, pid_t leader) {
    for (unsigned depth = 0; process && depth < TREE_MAX; depth++) {
        if (process->pid == leader || process->session == leader || process->group == leader)
            return true;
        process = find(tree->table, tree->count, process->parent);
    }
    return false;
}

static bool was_there(const struct tree *tree, const struct process *process) {
    const struct process *old = find(tree->before, tree->before_count, process->pid);
    return old && old->start == process->start;
}

unsigned tree_signal_run(struct tree *tree, pid_t leader, bool alone, int signal, bool *all) {
    unsigned total = 0, fresh = 0;
    *all = false;
    /* Most of what multiplies stays in one group. It goes before the others are looked for:
     * it takes the time for that. */
    kill(-leader, signal);
    tree->count = 0; /* nothing was seen yet */
    for (unsigned pass = 0; pass < PASSES; pass++) {
        fresh = 0;
        if (scan(tree) < 0)
            break;
        for (unsigned i = 0; i < tree->count; i++) {
            const struct process *process = &tree->table[i];
            if (is_kept(tree, process) || !(alone || is_of(tree, process, leader)))
                continue;
            if (process->dead) { /* its first thread; others may go on */
                kill(process->pid, signal);
                continue;
            }
            fresh += !was_there(tree, process);
            if (process->group != leader || signal == SIGKILL) /* else it has had it */
                kill(process->pid, signal);
        }
        total += fresh;
        if (fresh == 0 || signal != SIGKILL)
            return total;
    }
    if (signal == SIGKILL) {
        *all = true;
        tree_kill_all();
    }
    return total;
}

int tree_kill_others(struct tree *tree, unsigned *fresh) {
    int alive = 0;
    *fresh = 0;
    if (scan(tree) < 0)
        return -1;
    for (unsigned i = 0; i < tree->count; i++) {
        const struct process *process = &tree->table[i];
        if (is_kept(tree, process))
            continue;
        kill(process->pid, SIGKILL); /* one that is dead may have threads that go on */
        if (process->dead && process->parent != 1)
            continue;
        alive++; /* a dead one, too, until the caller reaps it */
        *fresh += !process->dead && !was_there(tree, process);
    }
    return alive;
}

void tree_kill_all(void) {
    if (getpid() == 1)
        kill(-1, SIGKILL);
}
