/* log.h - one line to whoever listens. A log is a value that its owner passes
 * down; there is no global one. Lines never hold what a sandbox printed. */
#ifndef ENC_LOG_H
#define ENC_LOG_H

enum enc_log_level { ENC_LOG_DEBUG, ENC_LOG_INFO, ENC_LOG_WARN, ENC_LOG_ERROR, ENC_LOG_OFF };

struct enc_log {
    enum enc_log_level level; /* lines below it are dropped */
    void (*write)(void *data,
                  enum enc_log_level level,
                  const char *line); /* NULL: standard error */
    void *data;
};

/* log may be NULL: nothing is written. */
__attribute__((format(printf, 3, 4))) void enc_log(const struct enc_log *log,
                                                   enum enc_log_level level,
                                                   const char *format,
                                                   ...);

const char *enc_log_level_name(enum enc_log_level level);

#endif
