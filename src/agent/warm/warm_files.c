#include "warm_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

__asm__(".section .rodata\n"
        ".balign 16\n"
        ".global warm_entry_begin, warm_entry_end, warm_python_begin, warm_python_end\n"
        ".hidden warm_entry_begin, warm_entry_end, warm_python_begin, warm_python_end\n"
        "warm_entry_begin: .incbin \"warm_entry.so\"\n"
        "warm_entry_end:\n"
        "warm_python_begin:\n"
        ".incbin \"python_preloads.py\"\n"
        ".incbin \"python_end.py\"\n"
        ".incbin \"python_trial.py\"\n"
        ".incbin \"python_facts.py\"\n"
        ".incbin \"python_server.py\"\n"
        "warm_python_end:\n"
        ".byte 0\n"
        ".previous\n");
extern const unsigned char warm_entry_begin[], warm_entry_end[];
extern const unsigned char warm_python_begin[], warm_python_end[];

static int write_all(int fd, const void *bytes, size_t size) {
    const char *at = bytes;
    while (size > 0) {
        ssize_t wrote = write(fd, at, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return -1;
        at += wrote;
        size -= (size_t)wrote;
    }
    return 0;
}

static int open_memory(const char *name) {
    return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static int seal(int fd, int failed) {
    if (failed == 0)
        failed = fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    if (failed == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int warm_file_entry(void) {
    int fd = open_memory("warm");
    if (fd < 0)
        return -1;
    return seal(fd, write_all(fd, warm_entry_begin, (size_t)(warm_entry_end - warm_entry_begin)));
}

/* An archive of one stored member: local header, name, content, directory, its end. */
static uint32_t checksum(const unsigned char *bytes, size_t size) {
    uint32_t sum = ~0u;
    for (size_t i = 0; i < size; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (0xEDB88320u & -(sum & 1));
    }
    return ~sum;
}

static void put16(unsigned char *at, unsigned value) {
    at[0] = (unsigned char)value;
    at[1] = (unsigned char)(value >> 8);
}

static void put32(unsigned char *at, size_t value) {
    put16(at, (unsigned)(value & 0xffff));
    put16(at + 2, (unsigned)(value >> 16 & 0xffff));
}

int warm_file_python(void) {
    static const char name[] = "sitecustomize.py";
    const size_t name_size = sizeof name - 1;
    size_t size = (size_t)(warm_python_end - warm_python_begin);
    uint32_t sum = checksum(warm_python_begin, size);
    /* What both headers have in common: versions, flags, method, time, sizes, name. */
    unsigned char common[26] = {20, 0};
    put16(common + 8, 1 << 5 | 1); /* the first day that the format knows */
    put32(common + 10, sum);
    put32(common + 14, size);
    put32(common + 18, size);
    put16(common + 22, (unsigned)name_size);
    unsigned char local[4] = {'P', 'K', 3, 4};
    unsigned char entry[6] = {'P', 'K', 1, 2, 20, 0};
    unsigned char place[14] = {0};
    unsigned char end[22] = {'P', 'K', 5, 6};
    put16(end + 8, 1);
    put16(end + 10, 1);
    put32(end + 12, sizeof entry + sizeof common + sizeof place + name_size);
    put32(end + 16, sizeof local + sizeof common + name_size + size);
    int fd = open_memory("python");
    if (fd < 0)
        return -1;
    int failed = write_all(fd, local, sizeof local) || write_all(fd, common, sizeof common) ||
                 write_all(fd, name, name_size) || write_all(fd, warm_python_begin, size) ||
                 write_all(fd, entry, sizeof entry) || write_all(fd, common, sizeof common) ||
                 write_all(fd, place, sizeof place) || write_all(fd, name, name_size) ||
                 write_all(fd, end, sizeof end);
    return seal(fd, failed ? -1 : 0);
}
