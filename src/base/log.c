#include "log.h"

#include <stdarg.h>
#include <stdio.h>

const char *enc_log_level_name(enum enc_log_level level) {
    static const char *const names[] = {"debug", "info", "warn", "error", "off"};
    return names[level];
}

void enc_log(const struct enc_log *log, enum enc_log_level level, const char *format, ...) {
    if (!log || level < log->level)
        return;
    char line[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (log->write)
        log->write(log->data, level, line);
    else
        fprintf(stderr, "enclave: %s: %s\n", enc_log_level_name(level), line);
}
