/* endpoint.h - where an HTTP server is reached: a unix socket, TCP, or TLS, as
 * DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH say it. */
#ifndef ENC_ENDPOINT_H
#define ENC_ENDPOINT_H

#include <stdbool.h>

#include "fail.h"

struct enc_endpoint {
    char *name;                           /* as it was given: for messages */
    char *base_url;                       /* "http://localhost", "https://host:2376" */
    char *socket_path;                    /* NULL unless it is a unix socket */
    char *ca_file, *cert_file, *key_file; /* NULL unless TLS with own files */
    bool verify;                          /* check the server's certificate */
};

/* host: "unix:///var/run/docker.sock", "tcp://h:2375" or "h:2375", "http://…", "https://…".
 * cert_path: folder of ca.pem, cert.pem, key.pem; NULL or "" for none.
 * tcp:// with tls means https. -1 for a host that cannot be understood. */
int enc_endpoint_parse(struct enc_endpoint *endpoint,
                       const char *host,
                       const char *cert_path,
                       bool tls,
                       bool verify,
                       struct enclave_error *err);
void enc_endpoint_free(struct enc_endpoint *endpoint);

#endif
