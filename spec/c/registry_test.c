/* Who we are to a registry: which login goes with which image. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "docker.h"

static char folder[64], file[80];

static void write_file(const char *text) {
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

/* The login for an image as its JSON; "": none, or the error's message. */
static const char *login(const char *image, const char *user, const char *password) {
    static char text[1100];
    struct enclave_error err;
    char *value = enc_docker_registry_auth(image, user, password, &err);
    snprintf(text, sizeof text, "%s", err.code ? err.message : "");
    if (value) {
        assert_null(strpbrk(value, "+/"));
        for (char *at = value; *at; at++)
            *at = *at == '-' ? '+' : *at == '_' ? '/' : *at;
        int len = b64_pton(value, (unsigned char *)text, sizeof text - 1);
        assert_true(len > 0);
        text[len] = '\0';
    }
    free(value);
    return text;
}

static void given_ones_go_first(void **state) {
    (void)state;
    write_file("{ \"auths\": { \"r.example:5000\": { \"auth\": \"YTpi\" } } }");
    assert_string_equal(login("r.example:5000/x:1", "me", "p>?\xc3\xbf"),
                        "{\"username\":\"me\",\"password\":\"p>?\xc3\xbf\",\"serveraddress\":"
                        "\"r.example:5000\"}");
}

static void kept_ones_are_found_by_the_registry(void **state) {
    (void)state;
    write_file("{ \"auths\": {"
               " \"https://index.docker.io/v1/\": { \"auth\": \"aHViOmE6Yg==\" },"
               " \"https://old.example/v1/\": { \"username\": \"old\", \"password\": \"o\" },"
               " \"token.example\": { \"auth\": \"\", \"identitytoken\": \"t\" },"
               " \"localhost\": { \"auth\": \"bDpo\" } } }");
    const char *hub = "{\"username\":\"hub\",\"password\":\"a:b\",\"serveraddress\":"
                      "\"https://index.docker.io/v1/\"}";
    assert_string_equal(login("python:3.11", NULL, NULL), hub);
    assert_string_equal(login("user/name", NULL, NULL), hub);
    assert_string_equal(login("docker.io/user/name", NULL, NULL), hub);
    assert_string_equal(
        login("old.example/a/b@sha256:00", NULL, NULL),
        "{\"username\":\"old\",\"password\":\"o\",\"serveraddress\":\"old.example\"}");
    assert_string_equal(login("token.example/x", NULL, NULL),
                        "{\"identitytoken\":\"t\",\"serveraddress\":\"token.example\"}");
    assert_string_equal(login("localhost/x", NULL, NULL),
                        "{\"username\":\"l\",\"password\":\"h\",\"serveraddress\":\"localhost\"}");
    assert_string_equal(login("other.example/x", NULL, NULL), "");
}

static void what_cannot_be_read_is_said(void **state) {
    (void)state;
    const char *const bad[] = {"\"!\"", "\"YQ==\"", "5", "\"\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[100];
        snprintf(text, sizeof text, "{ \"auths\": { \"r.io\": { \"auth\": %s } } }", bad[i]);
        write_file(text);
        assert_non_null(strstr(login("r.io/x", NULL, NULL), "no login can be read for r.io"));
    }
    write_file("{ \"credHelpers\": { \"r.io\": \"gcloud\" } }");
    assert_non_null(strstr(login("r.io/x", NULL, NULL), "credential helper"));
    assert_string_equal(login("s.io/x", NULL, NULL), "");
    write_file("[");
    assert_non_null(strstr(login("s.io/x", NULL, NULL), "config.json: line 1"));
    write_file("[]");
    assert_string_equal(login("s.io/x", NULL, NULL), "");
    unlink(file);
    assert_string_equal(login("s.io/x", NULL, NULL), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(given_ones_go_first),
        cmocka_unit_test(kept_ones_are_found_by_the_registry),
        cmocka_unit_test(what_cannot_be_read_is_said),
    };
    snprintf(folder, sizeof folder, "/tmp/enclave-registry-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(file, sizeof file, "%s/config.json", folder);
    setenv("DOCKER_CONFIG", folder, 1);
    int rc = cmocka_run_group_tests_name("registry", tests, NULL, NULL);
    rmdir(folder);
    return rc;
}
