#include <stdio.h>
#include <time.h>

#include "sandbox.h"

static json_t *iso_time(double seconds) {
    time_t whole = (time_t)seconds;
    struct tm utc;
    char day[32], text[64];
    gmtime_r(&whole, &utc);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, sizeof text, "%s.%06dZ", day, (int)((seconds - (double)whole) * 1e6));
    return json_string(text);
}

json_t *enc_sandbox_describe(struct enc_sandbox *sandbox) {
    const struct enc_reset_report *reset = &sandbox->last_reset;
    json_t *metadata = sandbox->host->driver->describe(sandbox);
    json_t *ours = json_pack("{s:s?, s:s?, s:I, s:{s:f, s:I, s:I, s:I}}",
                             "pool",
                             *sandbox->pool ? sandbox->pool : NULL,
                             "channel",
                             sandbox->channel ? sandbox->channel->name : NULL,
                             "uses",
                             (json_int_t)sandbox->uses,
                             "last_reset",
                             "seconds",
                             (double)reset->ns / 1e9,
                             "processes",
                             (json_int_t)reset->processes,
                             "files",
                             (json_int_t)reset->files,
                             "ipc",
                             (json_int_t)reset->ipc);
    if (!metadata)
        metadata = json_object();
    json_object_update_missing(metadata, ours);
    json_decref(ours);
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}",
                     "id",
                     sandbox->id,
                     "status",
                     enc_sandbox_state_name(sandbox->state),
                     "type",
                     sandbox->host->driver->name,
                     "config",
                     enc_config_to_json(sandbox->config),
                     "created_at",
                     iso_time(sandbox->created_at),
                     "updated_at",
                     iso_time(sandbox->updated_at),
                     "metadata",
                     metadata);
}
