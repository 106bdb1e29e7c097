#include <stdlib.h>
#include <string.h>

#include "fake.h"

/* ---- files of a sandbox ------------------------------------------------------------ */

struct enc_fake_file *enc_fake_find(struct enc_fake_sandbox *fake, const char *path) {
    ENC_LIST_FOR_EACH(at, &fake->files) {
        struct enc_fake_file *file = ENC_CONTAINER_OF(at, struct enc_fake_file, in_sandbox);
        if (strcmp(file->path, path) == 0)
            return file;
    }
    return NULL;
}

static void file_free(struct enc_fake_file *file) {
    enc_list_remove(&file->in_sandbox);
    enc_buf_free(&file->bytes);
    free(file->path);
    free(file);
}

int enc_fake_write(struct enc_fake_sandbox *fake,
                   const char *path,
                   enum enc_transfer_kind kind,
                   unsigned mode,
                   const void *bytes,
                   size_t len) {
    struct enc_fake_file *old = enc_fake_find(fake, path);
    struct enc_fake_file *file = calloc(1, sizeof *file);
    if (!file)
        return -1;
    enc_list_init(&file->in_sandbox);
    file->path = strdup(path);
    file->kind = kind;
    file->mode = mode;
    if (!file->path || !enc_buf_append(&file->bytes, bytes, len)) {
        file_free(file);
        return -1;
    }
    if (old)
        file_free(old);
    enc_list_push_back(&fake->files, &file->in_sandbox);
    return 0;
}

unsigned enc_fake_clear(struct enc_fake_sandbox *fake) {
    unsigned count = 0;
    while (!enc_list_empty(&fake->files)) {
        file_free(ENC_CONTAINER_OF(fake->files.next, struct enc_fake_file, in_sandbox));
        count++;
    }
    return count;
}

/* ---- options ----------------------------------------------------------------------- */

static int read_option(struct enc_fake_options *options, const char *name, json_t *value) {
    const struct {
        const char *name;
        double *milliseconds;
        unsigned *count;
        bool *flag;
    } table[] = {
        {"create_ms", &options->create_ms, NULL, NULL},
        {"destroy_ms", &options->destroy_ms, NULL, NULL},
        {"reset_ms", &options->reset_ms, NULL, NULL},
        {"prepare_ms", &options->prepare_ms, NULL, NULL},
        {"fail_creates", NULL, &options->fail_creates, NULL},
        {"fail_resets", NULL, &options->fail_resets, NULL},
        {"die_after_runs", NULL, &options->die_after_runs, NULL},
        {"never_ready", NULL, NULL, &options->never_ready},
        {"fail_prepare", NULL, NULL, &options->fail_prepare},
    };
    double number = json_is_number(value) ? json_number_value(value) : -1;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(table[i].name, name) != 0)
            continue;
        if (table[i].flag ? !json_is_boolean(value) : !(number >= 0 && number <= 1e9))
            return -1;
        if (table[i].milliseconds)
            *table[i].milliseconds = number;
        else if (table[i].count)
            *table[i].count = (unsigned)number;
        else
            *table[i].flag = json_is_true(value);
        return 0;
    }
    const char *text = json_string_value(value);
    if (text && strcmp(name, "fail_message") == 0) {
        snprintf(options->fail_message, sizeof options->fail_message, "%s", text);
        return 0;
    }
    if (text && strcmp(name, "fail_code") == 0) {
        options->fail_code = enc_code_named(text);
        return options->fail_code == ENCLAVE_OK ? -1 : 0;
    }
    return -1;
}

static struct enc_host *fake_open(struct enc_loop *loop,
                                  const struct enc_log *log,
                                  const char *owner,
                                  json_t *options,
                                  struct enclave_error *err) {
    struct enc_fake_host *host = calloc(1, sizeof *host);
    if (!host) {
        enc_fail_nomem(err, "driver.open");
        return NULL;
    }
    host->base = (struct enc_host){.driver = &enc_driver_fake, .loop = loop, .log = log};
    snprintf(host->base.owner, sizeof host->base.owner, "%s", owner);
    enc_list_init(&host->sandboxes);
    host->options.fail_code = ENCLAVE_UNAVAILABLE;
    snprintf(host->options.fail_message, sizeof host->options.fail_message, "it was told to fail");
    const char *name;
    json_t *value;
    json_object_foreach(options, name, value) {
        if (read_option(&host->options, name, value) < 0) {
            enc_fail_misuse(err,
                            "driver.open",
                            "%.60s: not an option of the fake driver, or not its type",
                            name);
            free(host);
            return NULL;
        }
    }
    return &host->base;
}

static void forget(struct enc_fake_sandbox *fake) {
    struct enc_sandbox *sandbox = fake->sandbox;
    enc_timer_stop(sandbox->host->loop, &fake->timer);
    enc_list_remove(&fake->in_host);
    enc_sandbox_gone(sandbox); /* closes its channel, which still needs the rest */
    enc_fake_clear(fake);
    free(fake);
}

static void fake_close(struct enc_host *base) {
    struct enc_fake_host *host = ENC_CONTAINER_OF(base, struct enc_fake_host, base);
    while (!enc_list_empty(&host->sandboxes))
        forget(ENC_CONTAINER_OF(host->sandboxes.next, struct enc_fake_sandbox, in_host));
    free(host);
}

/* ---- preparing --------------------------------------------------------------------- */

struct enc_prepare {
    struct enc_timer timer;
    struct enc_fake_host *host;
    enc_progress *progress;
    void (*done)(void *data, const struct enclave_error *err);
    void *data;
};

static void fill_failure(const struct enc_fake_host *host, struct enclave_error *err) {
    enc_fail(err, host->options.fail_code, "sandbox.create", "%s", host->options.fail_message);
}

static void on_prepared(struct enc_timer *timer) {
    struct enc_prepare *prepare = ENC_CONTAINER_OF(timer, struct enc_prepare, timer);
    struct enc_prepare copy = *prepare;
    struct enclave_error err;
    free(prepare);
    fill_failure(copy.host, &err);
    copy.done(copy.data, copy.host->options.fail_prepare ? &err : NULL);
}

static void on_progress(struct enc_timer *timer) {
    struct enc_prepare *prepare = ENC_CONTAINER_OF(timer, struct enc_prepare, timer);
    const struct enc_fake_host *host = prepare->host;
    timer->fire = on_prepared;
    enc_timer_start(host->base.loop, timer, enc_fake_in(host->options.prepare_ms));
    if (prepare->progress) /* last: it may cancel the preparation */
        prepare->progress(prepare->data, "prepare", "", 1, 1);
}

static struct enc_prepare *fake_prepare(struct enc_host *base,
                                        struct enc_config *config,
                                        enc_progress *progress,
                                        void (*done)(void *data, const struct enclave_error *err),
                                        void *data,
                                        struct enclave_error *err) {
    (void)config;
    struct enc_fake_host *host = ENC_CONTAINER_OF(base, struct enc_fake_host, base);
    struct enc_prepare *prepare = calloc(1, sizeof *prepare);
    if (!prepare) {
        enc_fail_nomem(err, "driver.prepare");
        return NULL;
    }
    *prepare = (struct enc_prepare){.host = host, .progress = progress, .done = done, .data = data};
    prepare->timer.fire = on_progress;
    if (enc_timer_start(base->loop, &prepare->timer, 0) < 0) {
        enc_fail_nomem(err, "driver.prepare");
        free(prepare);
        return NULL;
    }
    return prepare;
}

static void fake_prepare_cancel(struct enc_prepare *prepare) {
    enc_timer_stop(prepare->host->base.loop, &prepare->timer);
    free(prepare);
}

/* ---- sandboxes --------------------------------------------------------------------- */

static void on_created(struct enc_timer *timer) {
    struct enc_fake_sandbox *fake = ENC_CONTAINER_OF(timer, struct enc_fake_sandbox, timer);
    struct enc_fake_host *host = enc_fake_host_of(fake->sandbox);
    struct enclave_error err;
    if (host->creates++ < host->options.fail_creates) {
        fill_failure(host, &err);
        enc_sandbox_broken(fake->sandbox, &err);
        return;
    }
    fake->sandbox->channel = &enc_channel_fake;
    enc_sandbox_ready(fake->sandbox);
}

static void fake_create(struct enc_host *base, struct enc_sandbox *sandbox) {
    struct enc_fake_host *host = ENC_CONTAINER_OF(base, struct enc_fake_host, base);
    struct enc_fake_sandbox *fake = calloc(1, sizeof *fake);
    if (!fake)
        return;
    fake->sandbox = sandbox;
    enc_list_init(&fake->files);
    enc_list_push_back(&host->sandboxes, &fake->in_host);
    sandbox->driver_state = fake;
    fake->timer.fire = on_created;
    enc_deadline at = host->options.never_ready ? ENC_NEVER : enc_fake_in(host->options.create_ms);
    enc_timer_start(base->loop, &fake->timer, at);
}

static void on_destroyed(struct enc_timer *timer) {
    forget(ENC_CONTAINER_OF(timer, struct enc_fake_sandbox, timer));
}

static void fake_destroy(struct enc_sandbox *sandbox) {
    struct enc_fake_sandbox *fake = sandbox->driver_state;
    fake->timer.fire = on_destroyed;
    enc_timer_start(sandbox->host->loop,
                    &fake->timer,
                    enc_fake_in(enc_fake_host_of(sandbox)->options.destroy_ms));
}

static json_t *fake_describe(struct enc_sandbox *sandbox) {
    struct enc_fake_sandbox *fake = sandbox->driver_state;
    json_int_t files = 0;
    if (!fake)
        return json_object();
    ENC_LIST_FOR_EACH(at, &fake->files)
    files++;
    return json_pack("{s:s, s:I, s:I}",
                     "image",
                     sandbox->config->image,
                     "files",
                     files,
                     "runs",
                     (json_int_t)fake->runs);
}

const struct enc_driver enc_driver_fake = {
    .name = "fake",
    .open = fake_open,
    .close = fake_close,
    .prepare = fake_prepare,
    .prepare_cancel = fake_prepare_cancel,
    .create = fake_create,
    .destroy = fake_destroy,
    .describe = fake_describe,
};
