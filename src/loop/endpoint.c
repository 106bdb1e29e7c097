#include "endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static const char op[] = "endpoint.parse";

static char *joined(const char *first, const char *second) {
    char *text;
    return asprintf(&text, "%s%s", first, second) < 0 ? NULL : text;
}

static const char *after(const char *text, const char *prefix) {
    size_t len = strlen(prefix);
    return strncmp(text, prefix, len) ? NULL : text + len; /* NOLINT: no text, no success */
}

/* "host:2375", which Docker's own tools take too. NULL: it is something else. */
static const char *without_scheme(const char *host) {
    return *host && !strchr(host, '/') ? host : NULL;
}

static int parse_unix(struct enc_endpoint *endpoint, const char *path, struct enclave_error *err) {
    if (path[0] != '/')
        return enc_fail(err,
                        ENCLAVE_INVALID,
                        op,
                        "host \"%s\": expected an absolute path after unix://",
                        endpoint->name);
    if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return enc_fail(err,
                        ENCLAVE_INVALID,
                        op,
                        "host \"%s\": the path of a unix socket has at most %zu bytes",
                        endpoint->name,
                        sizeof((struct sockaddr_un *)0)->sun_path - 1);
    endpoint->socket_path = strdup(path);
    endpoint->base_url = strdup("http://localhost");
    return endpoint->socket_path && endpoint->base_url ? 0 : enc_fail_nomem(err, op);
}

static int parse_tcp(struct enc_endpoint *endpoint,
                     const char *scheme,
                     const char *host,
                     const char *default_port,
                     struct enclave_error *err) {
    size_t len = strcspn(host, "/");
    if (!len || host[len + strspn(host + len, "/")] || strpbrk(host, " \t\r\n@?#\"<>\\"))
        return enc_fail(err,
                        ENCLAVE_INVALID,
                        op,
                        "host \"%s\": expected the form %shost:port",
                        endpoint->name,
                        scheme);
    const char *bracket = strchr(host, ']'); /* of an IPv6 address */
    bool has_port = memchr(bracket ? bracket : host, ':', len - (bracket ? bracket - host : 0));
    if (asprintf(&endpoint->base_url,
                 "%s%.*s%s",
                 scheme,
                 (int)len,
                 host,
                 has_port || !default_port ? "" : default_port) < 0) {
        endpoint->base_url = NULL;
        return enc_fail_nomem(err, op);
    }
    return 0;
}

int enc_endpoint_parse(struct enc_endpoint *endpoint,
                       const char *host,
                       const char *cert_path,
                       bool tls,
                       bool verify,
                       struct enclave_error *err) {
    *endpoint = (struct enc_endpoint){.name = strdup(host), .verify = verify};
    if (!endpoint->name)
        return enc_fail_nomem(err, op);
    const char *rest;
    int rc;
    if ((rest = after(host, "unix://")))
        rc = parse_unix(endpoint, rest, err);
    else if ((rest = after(host, "https://")))
        rc = parse_tcp(endpoint, "https://", rest, NULL, err);
    else if ((rest = after(host, "http://")))
        rc = parse_tcp(endpoint, "http://", rest, NULL, err);
    else if ((rest = after(host, "tcp://")) || (rest = without_scheme(host)))
        rc = tls ? parse_tcp(endpoint, "https://", rest, ":2376", err)
                 : parse_tcp(endpoint, "http://", rest, ":2375", err);
    else if (after(host, "ssh://"))
        rc = enc_fail(err,
                      ENCLAVE_INVALID,
                      op,
                      "host \"%s\": ssh is not spoken here; forward the socket (ssh -nNT -L "
                      "/tmp/docker.sock:/var/run/docker.sock …) and expect it at "
                      "unix:///tmp/docker.sock",
                      host);
    else
        rc = enc_fail(err,
                      ENCLAVE_INVALID,
                      op,
                      "host \"%s\": expected unix:///path, tcp://host:port, http://… or https://…",
                      host);
    if (!rc && after(endpoint->base_url, "https://") && cert_path && *cert_path) {
        endpoint->ca_file = joined(cert_path, "/ca.pem");
        endpoint->cert_file = joined(cert_path, "/cert.pem");
        endpoint->key_file = joined(cert_path, "/key.pem");
        if (!endpoint->ca_file || !endpoint->cert_file || !endpoint->key_file)
            rc = enc_fail_nomem(err, op);
    }
    if (rc)
        enc_endpoint_free(endpoint);
    return rc;
}

void enc_endpoint_free(struct enc_endpoint *endpoint) {
    free(endpoint->name);
    free(endpoint->base_url);
    free(endpoint->socket_path);
    free(endpoint->ca_file);
    free(endpoint->cert_file);
    free(endpoint->key_file);
    *endpoint = (struct enc_endpoint){0};
}
