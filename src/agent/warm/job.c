#include "job.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "kind.h"

/* Strings at the end of a buffer; at is NULL once one did not fit. */
struct tail {
    char *at, *end;
};

static void put(struct tail *tail, const char *text) {
    size_t size = strlen(text) + 1;
    if (!tail->at || size > (size_t)(tail->end - tail->at)) {
        tail->at = NULL;
        return;
    }
    memcpy(tail->at, text, size);
    tail->at += size;
}

static uint32_t put_all(struct tail *tail, const char *const *texts) {
    uint32_t count = 0;
    for (; texts && *texts; texts++, count++)
        put(tail, *texts);
    return count;
}

/* As in a cold start: 0 is none, and nothing is raised. */
static void put_limit(struct warm_job *job, int resource, uint64_t soft, uint64_t hard) {
    struct rlimit old;
    if (soft == 0)
        return;
    if (getrlimit((__typeof__(RLIMIT_CPU))resource, &old) == 0 && old.rlim_max != RLIM_INFINITY) {
        hard = hard < old.rlim_max ? hard : old.rlim_max;
        soft = soft < hard ? soft : hard;
    }
    job->limits[job->limit_count].resource = (uint32_t)resource;
    job->limits[job->limit_count].soft = soft;
    job->limits[job->limit_count].hard = hard;
    job->limit_count++;
}

size_t warm_job_write(const struct spawn *spec, const char *path, char *buffer, size_t size) {
    struct warm_job job = {
        .uid = spec->identity->uid,
        .gid = spec->identity->gid,
        .group_count = spec->identity->group_count,
        .behind = !spec->foreground,
        .drop_caps = WARM_CAPS,
    };
    struct tail tail = {buffer + sizeof job, buffer + size};
    const struct spawn_limits *limits = &spec->limits;
    if (size < sizeof job || job.group_count > WARM_GROUPS_MAX)
        return 0;
    for (unsigned i = 0; i < job.group_count; i++)
        job.groups[i] = spec->identity->groups[i];
    put_limit(&job, RLIMIT_CPU, limits->cpu_seconds, limits->cpu_seconds + 1);
    put_limit(&job, RLIMIT_AS, limits->memory_bytes, limits->memory_bytes);
    put_limit(&job, RLIMIT_FSIZE, limits->file_bytes, limits->file_bytes);
    put_limit(&job, RLIMIT_NOFILE, limits->open_files, limits->open_files);
    put_limit(&job, RLIMIT_NPROC, limits->processes, limits->processes);
    put(&tail, path);
    put(&tail, spec->cwd ? spec->cwd : "/");
    job.argument_count = put_all(&tail, spec->argv);
    job.variable_count = put_all(&tail, spec->env);
    if (!tail.at)
        return 0;
    job.size = (uint32_t)(tail.at - buffer);
    memcpy(buffer, &job, sizeof job);
    return job.size;
}

bool warm_send(int socket, const void *bytes, size_t len, const int *fds, unsigned count) {
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(3 * sizeof(int))];
    } control;
    struct iovec part = {(void *)(uintptr_t)bytes, len};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_SPACE(count * sizeof *fds)};
    ssize_t sent;
    memset(&control, 0, sizeof control);
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(count * sizeof *fds);
    memcpy(CMSG_DATA(&control.head), fds, count * sizeof *fds);
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)len;
}
