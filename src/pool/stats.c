#include "pool_inside.h"

static json_t *totals_to_json(const struct enc_totals *totals) {
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"borrowed", totals->borrowed},
        {"returned", totals->returned},
        {"timeouts", totals->timeouts},
        {"cancelled", totals->cancelled},
        {"exhausted", totals->exhausted},
        {"refused", totals->refused},
        {"created", totals->created},
        {"create_failed", totals->create_failed},
        {"resets", totals->resets},
        {"reset_failed", totals->reset_failed},
    };
    json_t *json = json_object(), *retired = json_object();
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        json_object_set_new(json, counts[i].name, json_integer((json_int_t)counts[i].count));
    for (size_t i = 0; i < ENC_REASONS && *totals->retired[i].name; i++)
        json_object_set_new(
            retired, totals->retired[i].name, json_integer((json_int_t)totals->retired[i].count));
    json_object_set_new(json, "retired", retired);
    json_object_set_new(json,
                        "found",
                        json_pack("{s:I, s:I, s:I}",
                                  "processes",
                                  (json_int_t)totals->found_processes,
                                  "files",
                                  (json_int_t)totals->found_files,
                                  "ipc",
                                  (json_int_t)totals->found_ipc));
    json_object_set_new(json,
                        "isolation",
                        json_pack("{s:I, s:I, s:I}",
                                  "namespaces",
                                  (json_int_t)totals->ran.namespaces,
                                  "reset",
                                  (json_int_t)totals->ran.reset,
                                  "container",
                                  (json_int_t)totals->ran.container));
    return json;
}

json_t *enc_pool_stats(const struct enc_pool *pool) {
    const unsigned *count = pool->count;
    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o}",
                     "name",
                     pool->name,
                     "pool_size",
                     (int)pool->options.size,
                     "max_size",
                     (int)pool->options.max_size,
                     "total",
                     (int)(enc_pool_live(pool) + count[ENC_SLOT_LOST]),
                     "idle",
                     (int)count[ENC_SLOT_IDLE],
                     "busy",
                     (int)(count[ENC_SLOT_BUSY] + count[ENC_SLOT_LOST]),
                     "waiting",
                     (int)pool->waiting,
                     "creating",
                     (int)(count[ENC_SLOT_CREATING] + count[ENC_SLOT_ADMITTING]),
                     "resetting",
                     (int)count[ENC_SLOT_RESETTING],
                     "retiring",
                     (int)(count[ENC_SLOT_LEAVING] + count[ENC_SLOT_TOLD] + count[ENC_SLOT_GOING]),
                     "totals",
                     totals_to_json(&pool->totals),
                     "wait",
                     enc_histogram_to_json(&pool->wait_time),
                     "run",
                     enc_histogram_to_json(&pool->run_time),
                     "reset",
                     enc_histogram_to_json(&pool->reset_time),
                     "create",
                     enc_histogram_to_json(&pool->create_time));
}

static json_t *counts_to_json(const struct enc_histogram *histogram,
                              const uint64_t *bounds,
                              size_t count) {
    json_t *at_most = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(
            at_most, json_integer((json_int_t)enc_histogram_at_most(histogram, bounds[i])));
    return json_pack("{s:f, s:I, s:o}",
                     "sum",
                     histogram->sum / 1e9,
                     "count",
                     (json_int_t)histogram->count,
                     "at_most",
                     at_most);
}

json_t *enc_pool_histograms(const struct enc_pool *pool, const uint64_t *bounds, size_t count) {
    return json_pack("{s:o, s:o, s:o, s:o}",
                     "wait",
                     counts_to_json(&pool->wait_time, bounds, count),
                     "run",
                     counts_to_json(&pool->run_time, bounds, count),
                     "reset",
                     counts_to_json(&pool->reset_time, bounds, count),
                     "create",
                     counts_to_json(&pool->create_time, bounds, count));
}
