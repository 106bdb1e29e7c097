#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "engine_inside.h"
#include "owner.h"

/* ---- who waits for an end -------------------------------------------------------------- */

int enc_ending_add(struct enc_list *list, void (*done)(void *data), void *data) {
    if (!done)
        return 0;
    struct enc_ending *ending = calloc(1, sizeof *ending);
    if (!ending)
        return -1;
    ending->done = done;
    ending->data = data;
    enc_list_push_back(list, &ending->in_list);
    return 0;
}

void enc_endings_take(struct enc_list *from, struct enc_list *to) {
    struct enc_list *at;
    enc_list_init(to);
    while ((at = enc_list_pop_front(from)))
        enc_list_push_back(to, at);
}

void enc_endings_call(struct enc_list *list) {
    struct enc_list *at;
    while ((at = enc_list_pop_front(list))) {
        struct enc_ending *ending = ENC_CONTAINER_OF(at, struct enc_ending, in_list);
        struct enc_ending copy = *ending;
        free(ending);
        copy.done(copy.data);
    }
}

/* ---- drivers --------------------------------------------------------------------------- */

static char *key_of(const char *driver, json_t *options) {
    ENC_AUTO_FREE char *text =
        json_object_size(options) ? json_dumps(options, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    struct enc_buf key = {0};
    if ((json_object_size(options) && !text) ||
        !enc_buf_printf(&key, "%s %s", driver, text ? text : ""))
        return NULL;
    return key.data;
}

struct enc_host *enc_engine_host(struct enc_engine *engine,
                                 const char *driver,
                                 json_t *options,
                                 struct enclave_error *err) {
    static const char op[] = "engine.host";
    const struct enc_driver *found = enc_driver_find(driver);
    if (engine->closing) {
        enc_fail(err, ENCLAVE_CLOSED, op, "the engine is closed");
        return NULL;
    }
    if (!found) {
        enc_fail(err,
                 ENCLAVE_INVALID,
                 op,
                 "sandbox_type: \"%.100s\" is not a type of sandbox; expected \"docker\"",
                 driver);
        return NULL;
    }
    char *key = key_of(driver, options);
    struct enc_opened *opened = key ? calloc(1, sizeof *opened) : NULL;
    if (!opened) {
        free(key);
        enc_fail_nomem(err, op);
        return NULL;
    }
    ENC_LIST_FOR_EACH(at, &engine->hosts) {
        struct enc_opened *other = ENC_CONTAINER_OF(at, struct enc_opened, in_engine);
        if (strcmp(other->key, key) == 0) {
            free(key);
            free(opened);
            return other->host;
        }
    }
    opened->key = key;
    opened->host = found->open(engine->loop, &engine->log, engine->owner, options, err);
    if (!opened->host) {
        free(key);
        free(opened);
        return NULL;
    }
    enc_list_push_back(&engine->hosts, &opened->in_engine);
    return opened->host;
}

static void close_hosts(struct enc_engine *engine) {
    struct enc_list *at;
    while ((at = enc_list_pop_front(&engine->hosts))) {
        struct enc_opened *opened = ENC_CONTAINER_OF(at, struct enc_opened, in_engine);
        opened->host->driver->close(opened->host);
        free(opened->key);
        free(opened);
    }
}

/* ---- pools ----------------------------------------------------------------------------- */

struct member {
    struct enc_engine *engine;
    struct enc_list in_engine;
    struct enc_pool *pool;
    bool closing;
    struct enc_list endings;
};

static struct member *member_of(struct enc_engine *engine, const struct enc_pool *pool) {
    ENC_LIST_FOR_EACH(at, &engine->pools) {
        struct member *member = ENC_CONTAINER_OF(at, struct member, in_engine);
        if (member->pool == pool)
            return member;
    }
    return NULL;
}

struct enc_pool *enc_engine_pool(struct enc_engine *engine,
                                 struct enc_host *host,
                                 struct enc_config *config,
                                 const struct enc_pool_options *options,
                                 const struct enc_pool_hooks *hooks,
                                 void *data,
                                 struct enclave_error *err) {
    if (engine->closing) {
        enc_fail(err, ENCLAVE_CLOSED, "pool", "the engine is closed");
        return NULL;
    }
    struct member *member = calloc(1, sizeof *member);
    if (!member) {
        enc_fail_nomem(err, "pool");
        return NULL;
    }
    member->engine = engine;
    enc_list_init(&member->endings);
    member->pool = enc_pool_new(host, config, options, hooks, data, err);
    if (!member->pool) {
        free(member);
        return NULL;
    }
    enc_list_push_back(&engine->pools, &member->in_engine);
    return member->pool;
}

static void on_pool_closed(void *data) {
    struct member *member = data;
    struct enc_engine *engine = member->engine;
    struct enc_list endings;
    enc_pool_free(member->pool);
    enc_list_remove(&member->in_engine);
    enc_endings_take(&member->endings, &endings);
    free(member);
    enc_endings_call(&endings);
    enc_engine_settle(engine);
}

static void close_member(struct member *member) {
    if (member->closing)
        return;
    member->closing = true;
    enc_pool_close(member->pool, on_pool_closed, member);
}

void enc_engine_pool_close(struct enc_engine *engine,
                           struct enc_pool *pool,
                           void (*done)(void *data),
                           void *data) {
    struct member *member = member_of(engine, pool);
    if (!member)
        return;
    if (enc_ending_add(&member->endings, done, data) < 0)
        enc_log(&engine->log, ENC_LOG_ERROR, "no memory to wait for the end of a pool");
    close_member(member);
}

/* ---- the engine itself ------------------------------------------------------------------ */

static bool is_empty(const struct enc_engine *engine) {
    return enc_list_empty(&engine->pools) && enc_list_empty(&engine->singles) &&
           enc_list_empty(&engine->creations);
}

void enc_engine_settle(struct enc_engine *engine) {
    if (engine->closing && is_empty(engine))
        enc_timer_start(engine->loop, &engine->settle, 0);
}

static void on_settle(struct enc_timer *timer) {
    struct enc_engine *engine = ENC_CONTAINER_OF(timer, struct enc_engine, settle);
    enc_engine_cancel_creations(engine);
    enc_engine_close_sandboxes(engine); /* also what a creation has made meanwhile */
    if (!is_empty(engine))
        return;
    enc_timer_stop(engine->loop, timer);
    struct enc_list endings;
    enc_endings_take(&engine->endings, &endings);
    enc_endings_call(&endings);
}

struct enc_engine *enc_engine_new(const struct enc_engine_options *options,
                                  struct enclave_error *err) {
    struct enc_engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        enc_fail_nomem(err, "engine");
        return NULL;
    }
    engine->log = options->log;
    engine->loop = enc_loop_new(options->loop, err);
    if (!engine->loop) {
        free(engine);
        return NULL;
    }
    enc_owner_make(engine->owner);
    enc_list_init(&engine->hosts);
    enc_list_init(&engine->pools);
    enc_list_init(&engine->creations);
    enc_list_init(&engine->singles);
    enc_list_init(&engine->endings);
    engine->settle.fire = on_settle;
    return engine;
}

struct enc_loop *enc_engine_loop(struct enc_engine *engine) {
    return engine->loop;
}

struct enc_log *enc_engine_log(struct enc_engine *engine) {
    return &engine->log;
}

void enc_engine_close(struct enc_engine *engine, void (*done)(void *data), void *data) {
    if (enc_ending_add(&engine->endings, done, data) < 0)
        enc_log(&engine->log, ENC_LOG_ERROR, "no memory to wait for the end of the engine");
    if (!engine->closing) {
        engine->closing = true;
        ENC_LIST_FOR_EACH(at, &engine->pools)
        close_member(ENC_CONTAINER_OF(at, struct member, in_engine));
        enc_engine_close_sandboxes(engine);
    }
    /* Also the creations that it ends are told on the next turn. */
    enc_timer_start(engine->loop, &engine->settle, 0);
}

static void on_patience_end(struct enc_timer *timer) {
    (void)timer;
}

void enc_engine_free(struct enc_engine *engine, enc_deadline limit) {
    if (!engine)
        return;
    struct enc_timer patience = {.fire = on_patience_end};
    enc_engine_close(engine, NULL, NULL);
    enc_timer_start(engine->loop, &patience, limit);
    while ((!is_empty(engine) || !enc_list_empty(&engine->endings)) && enc_now() < limit)
        enc_loop_turn(engine->loop, true);
    enc_timer_stop(engine->loop, &patience);
    enc_engine_cancel_creations(engine); /* what they prepare is of the hosts */
    if (!is_empty(engine))
        enc_log(
            &engine->log, ENC_LOG_WARN, "the engine ends before all of its sandboxes were removed");
    close_hosts(engine);
    /* Pools whose last sandbox has just been abandoned end on the next turn. */
    for (int turn = 0; turn < 4; turn++)
        enc_loop_turn(engine->loop, false);
    enc_timer_stop(engine->loop, &engine->settle);
    bool left = !is_empty(engine);
    enc_loop_free(engine->loop);
    if (left) {
        enc_log(
            &engine->log, ENC_LOG_ERROR, "a driver still holds sandboxes; their memory is lost");
        return;
    }
    struct enc_list *at;
    while ((at = enc_list_pop_front(&engine->endings)))
        free(ENC_CONTAINER_OF(at, struct enc_ending, in_list));
    free(engine);
}
