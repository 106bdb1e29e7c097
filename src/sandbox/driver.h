/* driver.h - who makes sandboxes. A driver is one constant vtable, listed in
 * driver.c. It says nothing about how to run things inside: that is the channel
 * (channel.h) that it chooses for each sandbox. It must not be assumed that a
 * daemon exists or that the driver starts the process itself. */
#ifndef ENC_DRIVER_H
#define ENC_DRIVER_H

#include <jansson.h>

#include "config/config.h"
#include "log.h"
#include "loop.h"

struct enc_sandbox;

/* An opened driver: one place where sandboxes can be made. First member of the
 * driver's own struct. */
struct enc_host {
    const struct enc_driver *driver;
    struct enc_loop *loop;
    const struct enc_log *log;
    char owner[40]; /* identity of this engine, for labels and names */
};

/* Progress of getting ready, for people: what ("pull python:3.11-slim"), which
 * part of it, and how far. total 0: unknown. */
typedef void enc_progress(
    void *data, const char *what, const char *part, long long current, long long total);

struct enc_prepare; /* a preparation under way; the driver's own struct */

struct enc_driver {
    const char *name; /* "docker" */

    /* options: driver options as JSON (docker: { "host": "unix://…" }), may be
     * NULL. Must not block: it connects on first use. */
    struct enc_host *(*open)(struct enc_loop *loop,
                             const struct enc_log *log,
                             const char *owner,
                             json_t *options,
                             struct enclave_error *err);
    /* Frees it. All its sandboxes are gone, or the engine has waited long enough for that
     * (all are being destroyed): then what is pending is dropped, and enc_sandbox_gone is
     * called for each that is left. */
    void (*close)(struct enc_host *host);

    /* Makes ready what sandboxes of this config share (reach the daemon, pull the
     * image, install the agent, sweep what a crashed owner left). done comes once,
     * unless it is cancelled. */
    struct enc_prepare *(*prepare)(struct enc_host *host,
                                   struct enc_config *config,
                                   enc_progress *progress,
                                   void (*done)(void *data, const struct enclave_error *err),
                                   void *data,
                                   struct enclave_error *err);
    void (*prepare_cancel)(struct enc_prepare *prepare);

    /* Creates and starts it. Ends with enc_sandbox_ready or enc_sandbox_broken,
     * later; after ready, enc_sandbox_broken says that it died. Sets driver_state; where that
     * stays NULL there was no memory, and it is as if it had never been. */
    void (*create)(struct enc_host *host, struct enc_sandbox *sandbox);

    /* Any state, also during create. Ends with enc_sandbox_gone, later, when
     * nothing is left of it (or nothing more can be done about it). */
    void (*destroy)(struct enc_sandbox *sandbox);

    /* Facts for people: { image, container id, … }; a new object. */
    json_t *(*describe)(struct enc_sandbox *sandbox);
};

extern const struct enc_driver enc_driver_docker;
extern const struct enc_driver enc_driver_fake;

/* NULL: there is no driver of this name. */
const struct enc_driver *enc_driver_find(const char *name);

#endif
