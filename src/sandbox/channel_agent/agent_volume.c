#include "agent_volume.h"

#include <archive.h>
#include <archive_entry.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* The build puts the agent into the engine. */
__asm__(".section .rodata\n"
        ".balign 16\n"
        ".global enc_agent_program, enc_agent_program_end\n"
        ".hidden enc_agent_program, enc_agent_program_end\n"
        "enc_agent_program: .incbin \"" AGENT_BINARY "\"\n"
        "enc_agent_program_end:\n"
        ".byte 0\n"
        ".previous\n");
extern const unsigned char enc_agent_program[], enc_agent_program_end[];

size_t enc_agent_volume_size(void) {
    return (size_t)(enc_agent_program_end - enc_agent_program);
}

/* FNV-1a: it tells builds apart; it is no protection. */
static uint64_t hash(uint64_t value) {
    for (const unsigned char *at = enc_agent_program; at < enc_agent_program_end; at++)
        value = (value ^ *at) * 0x100000001b3ull;
    return value;
}

void enc_agent_volume_name(char name[48]) {
    snprintf(name, 48, "enclave-agent-%016" PRIx64, hash(0xcbf29ce484222325ull));
}

const char *enc_agent_architecture(void) {
#if defined(__x86_64__)
    return "amd64";
#elif defined(__aarch64__)
    return "arm64";
#else
    return "unknown";
#endif
}

static la_ssize_t append(struct archive *archive, void *data, const void *bytes, size_t len) {
    (void)archive;
    return enc_buf_append(data, bytes, len) ? (la_ssize_t)len : -1;
}

/* Written under a name of this filling's own, and then linked: others may fill the volume at the
 * same time, and the kernel executes no file that somebody still writes. */
static int add_agent(struct archive *archive, struct archive_entry *entry) {
    char own[32];
    uint64_t random;
    if (getentropy(&random, sizeof random) != 0)
        return -1;
    snprintf(own, sizeof own, "agent.%016" PRIx64, random);
    archive_entry_set_pathname(entry, own);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0500);
    archive_entry_set_uid(entry, 0);
    archive_entry_set_gid(entry, 0);
    archive_entry_set_size(entry, (la_int64_t)enc_agent_volume_size());
    if (archive_write_header(archive, entry) != ARCHIVE_OK ||
        archive_write_data(archive, enc_agent_program, enc_agent_volume_size()) !=
            (la_ssize_t)enc_agent_volume_size())
        return -1;
    archive_entry_set_pathname(entry, "agent");
    archive_entry_set_hardlink(entry, own);
    archive_entry_set_size(entry, 0);
    return archive_write_header(archive, entry) == ARCHIVE_OK ? 0 : -1;
}

int enc_agent_volume_tar(struct enc_buf *tar, struct enclave_error *err) {
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    int result = -1;
    if (archive && entry && archive_write_set_format_ustar(archive) == ARCHIVE_OK &&
        archive_write_open(archive, tar, NULL, append, NULL) == ARCHIVE_OK &&
        add_agent(archive, entry) == 0 && archive_write_close(archive) == ARCHIVE_OK)
        result = 0;
    archive_entry_free(entry);
    archive_write_free(archive);
    return result < 0 ? enc_fail_nomem(err, "agent.volume") : 0;
}
