/* config.h - what a sandbox is to be: the checked form of `sandbox_config`.
 * This is the one place where its fields, their types and their defaults are
 * known; Lua, HTTP and C callers all come through enc_config_from_json. */
#ifndef ENC_CONFIG_H
#define ENC_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fail.h"

enum enc_reuse {
    ENC_REUSE_RESET, /* cleaned and verified between borrowers */
    ENC_REUSE_FRESH, /* one borrower, then replaced */
    ENC_REUSE_KEEP,  /* sessions: not cleaned */
};
enum enc_pull { ENC_PULL_MISSING, ENC_PULL_ALWAYS, ENC_PULL_NEVER };
enum enc_channel_kind { ENC_CHANNEL_AUTO, ENC_CHANNEL_AGENT, ENC_CHANNEL_EXEC };

struct enc_pair {
    char *name, *value;
};
struct enc_volume {
    char *source; /* absolute host path, or the name of a volume */
    char *bind;   /* absolute path inside */
    bool read_only;
};
struct enc_port {
    char *container; /* "8080/tcp" */
    char *host_ip;   /* "127.0.0.1" unless configured */
    int host_port;   /* 0: any */
};
/* For one run; 0 means no limit of its own. */
struct enc_limits {
    uint64_t cpu_seconds;
    uint64_t memory_bytes; /* RLIMIT_AS */
    uint64_t file_bytes;   /* RLIMIT_FSIZE */
    uint64_t open_files;
    uint64_t processes;
    uint64_t stack_bytes;
};

struct enc_config {
    unsigned refs;
    char *image;          /* "python:3.11-slim" */
    char *image_id;       /* what that name stood for when it was looked up; NULL: not known */
    char **image_volumes; /* folders that the image says are volumes; NULL: not known */
    bool agent_ran;       /* with this config, the agent did come up */
    bool agent_fails;     /* it did not, and docker exec is used where there is a choice */
    char **command;       /* supervised service, NULL-terminated; NULL: none */
    char *working_dir;    /* "/sandbox" */
    struct enc_pair *env; /* until a NULL name */
    char *user;           /* of runs: "65534:65534", "root", "1000" */
    double timeout;       /* default deadline of a run, seconds */
    double max_timeout;   /* the longest a run may ask for, seconds */
    uint64_t memory_bytes;
    double cpus;
    int64_t pids;
    struct enc_limits limits;
    bool network_enabled;
    char *network;                /* "bridge" and so on; used when enabled */
    struct enc_pair *extra_hosts; /* name, address */
    struct enc_volume *volumes;   /* until a NULL source */
    struct enc_port *ports;       /* until a NULL container */
    char *platform;               /* NULL: the engine's own */
    char *runtime;                /* NULL, "runsc", "kata" … */
    bool privileged;
    bool read_only;         /* the root file system */
    struct enc_pair *tmpfs; /* path, mount options ("size=256m") */
    char **cap_add;
    char **security_opt;
    enum enc_pull pull;
    char *registry_user, *registry_password; /* for pulling; never shown. NULL: none */
    enum enc_reuse reuse;
    enum enc_channel_kind channel;
    uint64_t max_output_bytes; /* a stream of one run */
    bool remove_on_exit;
    char **preload; /* modules the warm Python has imported */
    char **warm;    /* interpreters to keep warm: "python3", "sh" */
};

/* Where a config is for: the defaults differ. */
enum enc_config_for { ENC_FOR_POOL, ENC_FOR_SANDBOX };

/* config: an object, or NULL for all defaults; borrowed. Unknown fields and
 * wrong types are misuse; values that cannot be used are ENCLAVE_INVALID; each
 * message names the field, the value and what was expected. A null is as good as
 * no field; an empty list and an empty object stand for each other.
 *
 * tmpfs: the work folder, /tmp, /var/tmp and /run are always in it, unless a volume is
 * bound there (or above the work folder); what the caller gives is added or takes the place of
 * these. */
struct enc_config *enc_config_from_json(json_t *config,
                                        enum enc_config_for use,
                                        struct enclave_error *err);

/* The config with its defaults filled in, as a new JSON object; enc_config_from_json
 * makes the same config of it, but for registry_auth, which is a secret. */
json_t *enc_config_to_json(const struct enc_config *config);

struct enc_config *enc_config_ref(struct enc_config *config);
void enc_config_unref(struct enc_config *config);

/* Whether what is at this absolute path, which need not exist, is one of the volumes: not
 * ours to empty. */
bool enc_config_is_bound(const struct enc_config *config, const char *path);

/* A folder that the image wants as a volume and the config does not mount: Docker makes it
 * writable, with the image's content in it. NULL: there is none. */
const char *enc_config_loose_volume(const struct enc_config *config);

/* Cleaning cannot be trusted, as runs may write beyond the places that are emptied: on a
 * writable root file system, where images have folders that belong to all kinds of users,
 * to a volume of the image, or to the kernel's settings when privileged. A sandbox that is
 * to come back clean must be replaced. */
bool enc_config_must_replace(const struct enc_config *config);

/* "512m", "2g", "1.5GiB", "1048576": bytes; units are powers of 1024. -1: not a size,
 * or too large. */
int enc_parse_size(const char *text, uint64_t *bytes);

#endif
