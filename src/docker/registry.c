/* Who we are to a registry: the X-Registry-Auth of a pull. */
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "internal.h"

#define HUB "https://index.docker.io/v1/"

static const char op[] = "image.pull";

/* "registry:5000/name:tag" is of "registry:5000", "name" and "user/name" are of Docker's. */
static char *registry_of(const char *image) {
    size_t len = strcspn(image, "/");
    bool is_host = image[len] && (memchr(image, '.', len) || memchr(image, ':', len) ||
                                  (len == 9 && !strncmp(image, "localhost", 9)));
    if (!is_host || (len == 9 && !strncmp(image, "docker.io", 9)))
        return strdup(HUB);
    return strndup(image, len);
}

/* Whether a key of "auths" is this registry: old ones are whole URLs. */
static bool names(const char *key, const char *registry) {
    if (!strcmp(key, registry))
        return true;
    const char *scheme = strstr(key, "://");
    const char *host = scheme ? scheme + 3 : key;
    size_t len = strcspn(host, "/");
    return strlen(registry) == len && !strncmp(host, registry, len);
}

static json_t *find(json_t *auths, const char *registry) {
    const char *key;
    json_t *entry;
    json_object_foreach(auths, key, entry) {
        if (names(key, registry))
            return entry;
    }
    return NULL;
}

/* What Docker wants: { username, password, serveraddress } in base64 as of URLs. */
static char *encode(json_t *who, const char *registry, struct enclave_error *err) {
    json_object_set_new(who, "serveraddress", json_string(registry));
    ENC_AUTO_FREE char *text = json_dumps(who, JSON_COMPACT);
    size_t room = text ? strlen(text) * 4 / 3 + 8 : 0;
    char *value = text ? malloc(room) : NULL;
    if (!value || b64_ntop((unsigned char *)text, strlen(text), value, room) < 0) {
        free(value);
        enc_fail_nomem(err, op);
        return NULL;
    }
    for (char *at = value; *at; at++)
        *at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
    return value;
}

/* An entry of "auths" as the object that encode takes; NULL: there is nothing in it. */
static json_t *who_is(json_t *entry) {
    const char *token = json_string_value(json_object_get(entry, "identitytoken"));
    const char *packed = json_string_value(json_object_get(entry, "auth"));
    const char *user = json_string_value(json_object_get(entry, "username"));
    const char *password = json_string_value(json_object_get(entry, "password"));
    if (token && *token)
        return json_pack("{s:s}", "identitytoken", token);
    if (!packed || !*packed)
        return user && password ? json_pack("{s:s, s:s}", "username", user, "password", password)
                                : NULL;
    size_t room = strlen(packed) + 1;
    ENC_AUTO_FREE char *plain = malloc(room);
    int len = plain ? b64_pton(packed, (unsigned char *)plain, room - 1) : -1;
    if (len < 0)
        return NULL;
    plain[len] = '\0';
    char *colon = strchr(plain, ':');
    if (!colon)
        return NULL;
    *colon = '\0';
    return json_pack("{s:s, s:s}", "username", plain, "password", colon + 1);
}

static bool has_helper(json_t *config, const char *registry) {
    return json_object_get(config, "credsStore") ||
           json_object_get(json_object_get(config, "credHelpers"), registry);
}

static char *from_file(const char *path, const char *registry, struct enclave_error *err) {
    json_error_t where;
    json_t *config = json_load_file(path, 0, &where);
    if (!config) {
        enc_fail(err, ENCLAVE_INVALID, op, "%s: line %d: %s", path, where.line, where.text);
        return NULL;
    }
    json_t *entry = find(json_object_get(config, "auths"), registry);
    json_t *who = who_is(entry);
    char *value = NULL;
    if (who)
        value = encode(who, registry, err);
    else if (has_helper(config, registry))
        enc_fail(err,
                 ENCLAVE_INVALID,
                 op,
                 "%s: a credential helper keeps what is for %s, and helpers are not asked: set "
                 "registry_auth if the registry wants a login",
                 path,
                 registry);
    else if (entry)
        enc_fail(err, ENCLAVE_INVALID, op, "%s: no login can be read for %s", path, registry);
    json_decref(who);
    json_decref(config);
    return value;
}

char *enc_docker_registry_auth(const char *image,
                               const char *username,
                               const char *password,
                               struct enclave_error *err) {
    const char *folder = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
    ENC_AUTO_FREE char *registry = registry_of(image);
    ENC_AUTO_FREE char *path = NULL;
    bool named = folder && *folder;
    char *value = NULL;
    err->code = ENCLAVE_OK;
    if (!registry) {
        enc_fail_nomem(err, op);
        return NULL;
    }
    if (username) {
        json_t *who = json_pack("{s:s, s:s}", "username", username, "password", password);
        value = encode(who, registry, err);
        json_decref(who);
        return value;
    }
    if (!named && !home)
        return NULL;
    if (asprintf(&path, "%s%s/config.json", named ? folder : home, named ? "" : "/.docker") < 0) {
        path = NULL;
        enc_fail_nomem(err, op);
        return NULL;
    }
    if (access(path, F_OK) == 0)
        value = from_file(path, registry, err);
    return value;
}
