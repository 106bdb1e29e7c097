/* pages.c - a child of the Python server shares its memory with the server, page by page,
 * until one of them writes. Each page that a program writes to costs it an interruption;
 * those that any program writes to are copied in one go while the child waits. Which ones
 * they are, the server's trial run shows. */
#include <stddef.h>
#include <stdint.h>

#include "entry.h"

/* From, to, from, to …: first what any program needs, then what many do. */
static struct {
    const uintptr_t *ranges;
    int sure, all;
} needs;

EXPORT void enclave_needs(const uintptr_t *ranges, int sure, int all) {
    needs.ranges = ranges;
    needs.sure = sure;
    needs.all = all;
}

static int copy(int i) {
    const uintptr_t *range = needs.ranges + 2 * i;
    return sys3(SYS_madvise_, range[0], range[1] - range[0], MADV_POPULATE_WRITE_) != -EINVAL_;
}

void pages_ready(int socket) {
    struct pollfd_ job = {.fd = socket, .events = 1};
    const uint64_t none[2] = {0, 0}, moment[2] = {0, 20000000};
    int i = 0;
    while (i < needs.sure)
        if (!copy(i++))
            return; /* the kernel is too old */
    for (; i < needs.all; i++) {
        const uint64_t *wait = i == needs.sure ? moment : i % 8 == 0 ? none : NULL;
        if ((wait && sys6(SYS_ppoll_, &job, 1, wait, 0, 0, 0) != 0) || !copy(i))
            return;
    }
}

/* Runs of pages on their way out. */
struct runs {
    int fd, count;
    uintptr_t at[2 * 64];
};

static void flush(struct runs *runs) {
    sys3(SYS_write_, runs->fd, runs->at, 2 * sizeof runs->at[0] * (size_t)runs->count);
    runs->count = 0;
}

static void add(struct runs *runs, uintptr_t at, size_t page) {
    if (runs->count > 0 && runs->at[2 * runs->count - 1] == at) {
        runs->at[2 * runs->count - 1] += page;
        return;
    }
    if (runs->count == 64)
        flush(runs);
    runs->at[2 * runs->count] = at;
    runs->at[2 * runs->count++ + 1] = at + page;
}

void pages_tell(int fd, const uintptr_t *parts, int count, size_t page) {
    enum { ENTRIES = 256 };
    const uint64_t own = 1ull << 63 | 1ull << 56; /* present, and mapped here alone */
    uint64_t entries[ENTRIES];
    struct runs runs = {.fd = fd, .count = 0};
    long map = sys3(SYS_openat_, AT_FDCWD_, "/proc/self/pagemap", O_CLOEXEC_);
    for (int i = 0; map >= 0 && i < count; i++) {
        for (uintptr_t at = parts[2 * i]; at < parts[2 * i + 1];) {
            size_t left = (parts[2 * i + 1] - at) / page;
            size_t wanted = 8 * (left < ENTRIES ? left : ENTRIES);
            long got = sys6(SYS_pread64_, map, entries, wanted, at / page * 8, 0, 0);
            if (got < 8)
                break;
            for (long j = 0; j < got / 8; j++, at += page)
                if ((entries[j] & own) == own)
                    add(&runs, at, page);
        }
    }
    flush(&runs);
}
