/* The fields of sandbox_config: defaults, what is taken, and what each mistake is told. */
#include "fixture.h"

static struct enc_config *pool_config(const char *text) {
    return config_of(text, ENC_FOR_POOL);
}

/* The message of a config that must be refused. */
static void refused(const char *text, bool misuse, const char *message) {
    struct enclave_error err = {0};
    json_t *json = json_of(text);
    struct enc_config *config = enc_config_from_json(json, ENC_FOR_POOL, &err);
    json_decref(json);
    if (config)
        fail_msg("was taken: %s", text);
    assert_string_equal(err.message, message);
    assert_int_equal(err.code, ENCLAVE_INVALID);
    assert_string_equal(err.op, "config");
    assert_int_equal(err.misuse, misuse);
}

static const char *tmpfs_of(const struct enc_config *config, const char *path) {
    for (struct enc_pair *pair = config->tmpfs; pair->name; pair++)
        if (strcmp(pair->name, path) == 0)
            return pair->value;
    return NULL;
}

static void test_defaults(void **state) {
    (void)state;
    struct enclave_error err = {0};
    struct enc_config *config = enc_config_from_json(NULL, ENC_FOR_POOL, &err);
    assert_non_null(config);
    assert_string_equal(config->image, "python:3.11-slim");
    assert_null(config->command);
    assert_string_equal(config->working_dir, "/sandbox");
    assert_string_equal(config->user, "65534:65534");
    assert_true(config->timeout == 30 && config->max_timeout == 300 && config->cpus == 1);
    assert_int_equal(config->memory_bytes, 512 << 20);
    assert_int_equal(config->pids, 256);
    assert_int_equal(config->max_output_bytes, 1 << 20);
    assert_false(config->network_enabled);
    assert_string_equal(config->network, "bridge");
    assert_false(config->privileged);
    assert_true(config->read_only && config->remove_on_exit);
    assert_int_equal(config->reuse, ENC_REUSE_RESET);
    assert_int_equal(config->pull, ENC_PULL_MISSING);
    assert_int_equal(config->channel, ENC_CHANNEL_AUTO);
    assert_null(config->env->name);
    assert_null(config->volumes->source);
    assert_null(config->ports->container);
    assert_null(config->cap_add[0]);
    assert_non_null(tmpfs_of(config, "/sandbox"));
    assert_non_null(tmpfs_of(config, "/tmp"));
    enc_config_unref(config);

    config = config_of("{}", ENC_FOR_SANDBOX);
    assert_false(config->read_only);
    enc_config_unref(config);
    enc_config_unref(config_of("[]", ENC_FOR_SANDBOX));
}

static void test_all_fields(void **state) {
    (void)state;
    struct enc_config *config = pool_config(
        "{\"image\":\"alpine\",\"command\":\"run me\",\"working_dir\":\"/job\","
        "\"env_vars\":{\"A\":\"1\",\"B\":\"\"},\"timeout\":1.5,\"memory_limit\":\"2g\","
        "\"cpu_limit\":0.5,\"network\":\"none\",\"extra_hosts\":{\"db\":\"10.0.0.1\"},"
        "\"volumes\":{\"/data\":{\"bind\":\"/in\",\"mode\":\"ro\"},\"/x\":\"/y:ro\","
        "\"cache\":\"/cache\"},"
        "\"ports\":{\"80\":8080,\"81/udp\":\"8081\",\"82/tcp\":\"0.0.0.0:82\","
        "\"83\":[\"::1\",83],\"84\":\"[::1]:84\",\"85\":null},"
        "\"platform\":\"linux/arm64\",\"privileged\":true,\"remove_on_exit\":false,"
        "\"resource_limits\":{\"cpu_seconds\":5,\"memory\":\"1g\",\"open_files\":64},"
        "\"reuse\":\"keep\",\"user\":1000,\"runtime\":\"runsc\",\"pids_limit\":64.0,"
        "\"read_only\":false,\"tmpfs\":{\"/tmp\":\"size=1m\"},\"cap_add\":[\"SYS_PTRACE\"],"
        "\"security_opt\":{},\"pull\":\"never\",\"max_output_size\":\"64k\","
        "\"channel\":\"exec\",\"pull_progress\":true,\"pull_progress_interval\":0.5,"
        "\"docker_executor_workers\":4,\"max_timeout\":null,\"warm\":[\"python3\"]}");
    assert_string_equal(config->image, "alpine");
    assert_string_equal(config->command[0], "/bin/sh");
    assert_string_equal(config->command[2], "run me");
    assert_null(config->command[3]);
    assert_string_equal(config->env[1].name, "B");
    assert_true(config->timeout == 1.5 && config->cpus == 0.5);
    assert_int_equal(config->memory_bytes, 2ull << 30);
    assert_false(config->network_enabled);
    assert_string_equal(config->network, "none");
    assert_string_equal(config->volumes[0].bind, "/in");
    assert_true(config->volumes[0].read_only && config->volumes[1].read_only);
    assert_string_equal(config->volumes[1].bind, "/y");
    assert_string_equal(config->volumes[2].source, "cache");
    assert_false(config->volumes[2].read_only);
    assert_string_equal(config->ports[0].container, "80/tcp");
    assert_string_equal(config->ports[0].host_ip, "127.0.0.1");
    assert_int_equal(config->ports[0].host_port, 8080);
    assert_string_equal(config->ports[1].container, "81/udp");
    assert_string_equal(config->ports[2].host_ip, "0.0.0.0");
    assert_string_equal(config->ports[3].host_ip, "::1");
    assert_string_equal(config->ports[4].host_ip, "::1");
    assert_int_equal(config->ports[4].host_port, 84);
    assert_int_equal(config->ports[5].host_port, 0);
    assert_int_equal(config->limits.memory_bytes, 1 << 30);
    assert_int_equal(config->limits.open_files, 64);
    assert_int_equal(config->pids, 64);
    assert_string_equal(config->user, "1000");
    assert_string_equal(tmpfs_of(config, "/tmp"), "size=1m");
    assert_non_null(tmpfs_of(config, "/job"));
    assert_null(tmpfs_of(config, "/sandbox"));
    assert_int_equal(config->max_output_bytes, 65536);

    json_t *json = enc_config_to_json(config);
    struct enclave_error err = {0};
    struct enc_config *again = enc_config_from_json(json, ENC_FOR_SANDBOX, &err);
    if (!again)
        fail_msg("does not come back: %s", err.message);
    json_t *json_again = enc_config_to_json(again);
    assert_true(json_equal(json, json_again));
    json_decref(json);
    json_decref(json_again);
    enc_config_unref(again);
    enc_config_unref(config);
}

static void test_mistakes(void **state) {
    (void)state;
    refused("{\"memory_limit\":\"12q\"}",
            false,
            "memory_limit: \"12q\" is not a size; expected a number of bytes or a string such "
            "as \"512m\" or \"2g\"");
    refused("{\"memory_limit\":true}",
            true,
            "memory_limit: true is not a size; expected a number of bytes or a string such as "
            "\"512m\" or \"2g\"");
    refused("{\"memory_limit\":0}",
            false,
            "memory_limit: 0 is not a size; expected a number of bytes or a string such as "
            "\"512m\" or \"2g\"");
    refused("{\"cpu_limit\":\"two\"}",
            true,
            "cpu_limit: \"two\" is not valid; expected a number from 0.01 to 1000000");
    refused("{\"cpu_limit\":-1}",
            false,
            "cpu_limit: -1 is not valid; expected a number from 0.01 to 1000000");
    refused("{\"cpu_limit\":2000000}",
            false,
            "cpu_limit: 2000000 is not valid; expected a number from 0.01 to 1000000");
    refused("{\"cpu_limit\":0.001}",
            false,
            "cpu_limit: 0.001 is not valid; expected a number from 0.01 to 1000000");
    refused("{\"timout\":3}", true, "timout: unknown field; did you mean timeout?");
    refused("{\"colour\":3}",
            true,
            "colour: unknown field; expected one of those that the documentation lists");
    refused("{\"volumes\":{\"/x\":{}}}",
            false,
            "volumes[\"/x\"].bind: missing; expected an absolute path inside the sandbox");
    refused("{\"volumes\":{\"/x\":{\"bind\":\"y\"}}}",
            false,
            "volumes[\"/x\"].bind: \"y\" is not valid; expected an absolute path inside the "
            "sandbox");
    refused("{\"volumes\":{\"/x\":{\"bind\":\"/y\",\"mode\":\"rx\"}}}",
            false,
            "volumes[\"/x\"].mode: \"rx\" is not valid; expected \"rw\" or \"ro\"");
    refused("{\"volumes\":{\"/x\":{\"bind\":\"/y\",\"mod\":\"ro\"}}}",
            true,
            "volumes[\"/x\"].mod: unknown field; expected bind or mode");
    refused("{\"volumes\":{\"./x\":\"/y\"}}",
            false,
            "volumes: \"./x\" is not an absolute path on the host, nor the name of a volume; "
            "expected one of them");
    refused("{\"volumes\":{\"/x\":5}}",
            true,
            "volumes[\"/x\"]: 5 is not valid; expected \"/inside\", \"/inside:ro\" or { bind, "
            "mode }");
    refused("{\"env_vars\":{\"A\":1}}",
            true,
            "env_vars[\"A\"]: 1 is not valid; expected a string, under a name without \"=\"");
    refused("{\"ports\":{\"http\":80}}",
            false,
            "ports: \"http\" is not a port of the sandbox; expected one such as \"8080\" or "
            "\"8080/tcp\"");
    refused("{\"ports\":{\"80\":70000}}",
            false,
            "ports[\"80\"]: 70000 is not valid; expected a port (1 to 65535), "
            "\"address:port\" or [address, port]");
    refused("{\"ports\":{\"80\":[\"localhost\",80]}}",
            false,
            "ports[\"80\"]: [\"localhost\",80] is not valid; expected a port (1 to 65535), "
            "\"address:port\" or [address, port]");
    refused("{\"working_dir\":\"work\"}",
            false,
            "working_dir: \"work\" is not valid; expected an absolute path other than /");
    refused("{\"tmpfs\":[\"tmp\"]}",
            false,
            "tmpfs: [\"tmp\"] is not valid; expected a map of absolute paths to mount options, "
            "or a list of absolute paths");
    refused("{\"reuse\":\"always\"}",
            false,
            "reuse: \"always\" is not valid; expected \"reset\", \"fresh\" or \"keep\"");
    refused("{\"cap_add\":[\"A\",5]}", true, "cap_add[2]: 5 is not valid; expected a string");
    refused("{\"timeout\":10,\"max_timeout\":5}",
            false,
            "timeout: 10 is not within max_timeout; expected at most 5");
    refused("{\"resource_limits\":{\"cpu_second\":1}}",
            true,
            "resource_limits.cpu_second: unknown field; did you mean "
            "resource_limits.cpu_seconds?");
    refused("{\"resource_limits\":{\"stack\":-1}}",
            false,
            "resource_limits.stack: -1 is not a size; expected a number of bytes or a string "
            "such as \"512m\" or \"2g\"");
    refused("{\"image\":\"\"}", false, "image: \"\" is not valid; expected the name of an image");
    refused("{\"user\":\"a b\"}",
            false,
            "user: \"a b\" is not valid; expected a user such as \"65534:65534\", \"1000\" or "
            "\"root\"");
    refused("[1]", true, "sandbox_config: [1] is not valid; expected an object of fields");
    refused("{\"pull_progress\":3}", true, "pull_progress: 3 is not valid; expected true or false");
}

static void test_long_value_is_cut(void **state) {
    (void)state;
    char text[4000], *at = text + sprintf(text, "{\"reuse\":\"");
    for (int i = 0; i < 1000; i++)
        at += sprintf(at, "é");
    sprintf(at, "\"}");
    struct enclave_error err = {0};
    json_t *json = json_of(text);
    assert_null(enc_config_from_json(json, ENC_FOR_POOL, &err));
    json_decref(json);
    assert_true(strlen(err.message) < 300);
    assert_non_null(strstr(err.message, "é… is not valid; expected \"reset\""));
    json_t *valid = json_string(err.message); /* NULL unless it is UTF-8 */
    assert_non_null(valid);
    json_decref(valid);
}

static void test_timeouts(void **state) {
    (void)state;
    struct enc_config *config = pool_config("{\"timeout\":1000}");
    assert_true(config->timeout == 1000 && config->max_timeout == 1000);
    enc_config_unref(config);
    config = pool_config("{\"max_timeout\":5}");
    assert_true(config->timeout == 5 && config->max_timeout == 5);
    enc_config_unref(config);
}

static bool must_replace(const char *text) {
    struct enc_config *config = pool_config(text);
    bool answer = enc_config_must_replace(config);
    enc_config_unref(config);
    return answer;
}

static void test_must_replace(void **state) {
    (void)state;
    assert_false(must_replace("{}"));
    assert_false(must_replace("{\"user\":\"root\"}"));
    assert_true(must_replace("{\"read_only\":false}"));
    assert_true(must_replace("{\"privileged\":true}"));
    assert_false(must_replace("{\"user\":\"root\"}"));
    assert_true(must_replace("{\"read_only\":false,\"user\":\"root\"}"));
    assert_true(must_replace("{\"read_only\":false,\"user\":\"0:5\"}"));
    assert_true(must_replace("{\"read_only\":false,\"user\":0}"));
    assert_true(must_replace("{\"read_only\":false,\"user\":\"rooty\"}"));
    assert_false(must_replace("{\"read_only\":false,\"user\":\"root\",\"reuse\":\"keep\"}"));
}

static void test_volume_takes_the_place_of_a_tmpfs(void **state) {
    (void)state;
    struct enc_config *config = pool_config("{\"volumes\":{\"/mine\":\"/sandbox\"}}");
    assert_null(tmpfs_of(config, "/sandbox"));
    assert_non_null(tmpfs_of(config, "/tmp"));
    enc_config_unref(config);
    config = pool_config("{\"working_dir\":\"/home/me/\",\"volumes\":{\"/mine\":\"/home/me//:ro\"},"
                         "\"tmpfs\":{\"/tmp/\":\"size=1m\"}}");
    assert_string_equal(config->working_dir, "/home/me");
    assert_string_equal(config->volumes->bind, "/home/me");
    assert_null(tmpfs_of(config, "/home/me"));
    assert_string_equal(tmpfs_of(config, "/tmp"), "size=1m");
    enc_config_unref(config);
}

static void test_odd_paths(void **state) {
    (void)state;
    static const char *const names[] = {"/data",
                                        "//data",
                                        "/data/.",
                                        "/./data",
                                        "/x/../data//",
                                        "/../data",
                                        "/data/x/..",
                                        "///data/"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[200];
        snprintf(text,
                 sizeof text,
                 "{\"working_dir\":\"/data\",\"volumes\":{\"/mine\":\"%s\"}}",
                 names[i]);
        struct enc_config *config = pool_config(text);
        assert_string_equal(config->volumes->bind, "/data");
        assert_null(tmpfs_of(config, "/data"));
        enc_config_unref(config);
        snprintf(text,
                 sizeof text,
                 "{\"working_dir\":\"%s\",\"volumes\":{\"/mine\":\"/data\"}}",
                 names[i]);
        config = pool_config(text);
        assert_string_equal(config->working_dir, "/data");
        assert_true(enc_config_is_bound(config, config->working_dir));
        assert_null(tmpfs_of(config, "/data"));
        enc_config_unref(config);
    }
    struct enc_config *config = pool_config("{\"working_dir\":\"/a/..b/...\"}");
    assert_string_equal(config->working_dir, "/a/..b/...");
    enc_config_unref(config);
    refused("{\"working_dir\":\"/x/..\"}",
            false,
            "working_dir: it is the root folder; expected an absolute path other than /");
}

static void test_sizes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"1048576", 1048576},
        {"512m", 512ull << 20},
        {"2g", 2ull << 30},
        {"2G", 2ull << 30},
        {"2GB", 2ull << 30},
        {"1.5GiB", 3ull << 29},
        {"1.5 GiB", 3ull << 29},
        {"10b", 10},
        {"0.3k", 307},
        {"0.1p", 112589990684262},
        {"1t", 1ull << 40},
        {"18446744073709551615", UINT64_MAX},
        {"16383.999999999999999999p", UINT64_MAX},
    };
    static const char *const bad[] = {
        "",
        " ",
        "m",
        "-1",
        "-1m",
        "+1",
        "1.5",
        "1.",
        ".5g",
        "12q",
        "2gi",
        "2gg",
        "1 ",
        " 1",
        "1  m",
        "1e3",
        "0x10",
        "1m1",
        "1,5g",
        "∞",
        "16384p",
        "99999999999999999999",
        "18446744073709551616",
        "1.g",
        "1.2.3k",
        "1ib",
        "0.1234567890123456789g",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint64_t bytes = 1;
        if (enc_parse_size(good[i].text, &bytes) != 0 || bytes != good[i].bytes)
            fail_msg("%s: %llu", good[i].text, (unsigned long long)bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t bytes = 77;
        if (enc_parse_size(bad[i], &bytes) != -1 || bytes != 77)
            fail_msg("was taken: \"%s\" as %llu", bad[i], (unsigned long long)bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_all_fields),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_long_value_is_cut),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_must_replace),
        cmocka_unit_test(test_volume_takes_the_place_of_a_tmpfs),
        cmocka_unit_test(test_odd_paths),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
