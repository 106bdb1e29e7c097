/* libFuzzer: a sandbox config, in JSON, is refused with a reason or taken; what was taken,
 * written out again, is the same config. */
#include "config/config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct enclave_error err = {0};
    json_t *json = json_loadb((const char *)data, size, 0, NULL);
    if (!json)
        return 0;
    struct enc_config *config = enc_config_from_json(json, ENC_FOR_POOL, &err);
    json_decref(json);
    if (!config) {
        check(err.code != 0 && *err.message);
        return 0;
    }
    json_t *told = enc_config_to_json(config);
    struct enc_config *again = told ? enc_config_from_json(told, ENC_FOR_POOL, &err) : NULL;
    json_t *told_again = again ? enc_config_to_json(again) : NULL;
    check(told_again && json_equal(told, told_again));
    json_decref(told);
    json_decref(told_again);
    enc_config_unref(again);
    enc_config_unref(config);
    return 0;
}
