/* The end of a run as it is told to the engine. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "run.h"

static bool is_full(const char *path) {
    struct statvfs status;
    return statvfs(path, &status) == 0 && status.f_blocks > 0 &&
           (status.f_bavail == 0 || (status.f_files > 0 && status.f_ffree == 0));
}

static bool disk_is_full(const struct agent *agent) {
    if (is_full(agent->work_folder))
        return true;
    for (unsigned i = 0; i < agent->place_count; i++) {
        if (agent->places[i].found && is_full(agent->places[i].path))
            return true;
    }
    return false;
}

static bool says(const struct run *run, enum enc_wire_limit limit) {
    return (run->err.said >> limit & 1) != 0;
}

/* What kept it from going on. The kernel says so for time, CPU, memory and processes; a
 * full disk and missing descriptors are guessed, from how things are at the end and from
 * what the program said. */
static enum enc_wire_limit find_limit(const struct run *run, bool oom_killed, bool refused) {
    int term = WIFSIGNALED(run->status) ? WTERMSIG(run->status) : 0;
    bool failed = term != 0 || WEXITSTATUS(run->status) != 0;
    uint64_t cpu = run->user_ns + run->system_ns;
    if (run->timed_out)
        return ENC_WIRE_LIMIT_TIME;
    if (term == SIGXCPU || (term == SIGKILL && run->limits.cpu_seconds > 0 &&
                            cpu >= run->limits.cpu_seconds * ENC_NS_PER_S))
        return ENC_WIRE_LIMIT_CPU;
    if (!failed || run->stopped)
        return ENC_WIRE_LIMIT_NONE;
    if (oom_killed)
        return ENC_WIRE_LIMIT_MEMORY;
    if (refused)
        return ENC_WIRE_LIMIT_PIDS;
    if (term == SIGXFSZ || says(run, ENC_WIRE_LIMIT_DISK) || disk_is_full(run->agent))
        return ENC_WIRE_LIMIT_DISK;
    if (says(run, ENC_WIRE_LIMIT_FILES))
        return ENC_WIRE_LIMIT_FILES;
    /* Limits of the run's own, of which the container's counters know nothing. */
    if (run->limits.memory_bytes > 0 && says(run, ENC_WIRE_LIMIT_MEMORY))
        return ENC_WIRE_LIMIT_MEMORY;
    if (run->limits.processes > 0 && says(run, ENC_WIRE_LIMIT_PIDS))
        return ENC_WIRE_LIMIT_PIDS;
    return ENC_WIRE_LIMIT_NONE;
}

static void send_exit(
    struct run *run, int exit_code, int term, enum enc_wire_limit limit, bool oom) {
    uint8_t bytes[512];
    struct enc_wire_writer writer;
    enc_wire_begin(&writer, bytes, sizeof bytes, ENC_WIRE_EXIT, run->id);
    if (term != 0)
        enc_wire_put_number(&writer, ENC_WIRE_TAG_SIGNAL, (uint64_t)term);
    else
        enc_wire_put_number(&writer, ENC_WIRE_TAG_EXIT_CODE, (uint64_t)exit_code);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_TIMED_OUT, run->timed_out);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_WALL, run->wall);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_USER_TIME, run->user_ns);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_SYSTEM_TIME, run->system_ns);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_PEAK_MEMORY, run->peak);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_LIMIT, limit);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_OOM_KILLED, oom);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_WAS_WARM, run->warm);
    enc_wire_put_number(&writer,
                        ENC_WIRE_TAG_ISOLATION,
                        run->apart ? ENC_WIRE_ISOLATION_NAMESPACES : ENC_WIRE_ISOLATION_RESET);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_OUTPUT_TOTAL, run->out.total);
    enc_wire_put_number(&writer, ENC_WIRE_TAG_ERRORS_TOTAL, run->err.total);
    conn_send_fields(&run->agent->conn, &writer);
}

void run_report(struct run *run, int exit_code) {
    struct counts after = counters_read(&run->agent->counters);
    bool oom = after.oom_kills > run->before.oom_kills;
    bool refused = after.pids_refused > run->before.pids_refused;
    enum enc_wire_limit limit = find_limit(run, oom, refused);
    output_finish(&run->out);
    output_finish(&run->err);
    send_exit(run,
              WIFEXITED(run->status) ? WEXITSTATUS(run->status) : exit_code,
              WIFSIGNALED(run->status) ? WTERMSIG(run->status) : 0,
              limit,
              oom);
}

static enum enc_wire_limit limit_of(int error) {
    switch (error) {
    case EAGAIN:
        return ENC_WIRE_LIMIT_PIDS;
    case ENOMEM:
        return ENC_WIRE_LIMIT_MEMORY;
    case ENOSPC:
    case EDQUOT:
        return ENC_WIRE_LIMIT_DISK;
    case EMFILE:
    case ENFILE:
        return ENC_WIRE_LIMIT_FILES;
    default:
        return ENC_WIRE_LIMIT_NONE;
    }
}

void run_refuse(struct run *run, int exit_code, int error, const char *format, ...) {
    char line[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    len = len < (int)sizeof line - 1 ? len : (int)sizeof line - 2;
    line[len++] = '\n';
    run->err.total += (uint64_t)len;
    conn_send(&run->agent->conn, ENC_WIRE_ERRORS, run->id, line, (size_t)len);
    send_exit(run, exit_code, 0, limit_of(error), false);
    run_free(run);
}
