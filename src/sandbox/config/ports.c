#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "read.h"

#define PORT_EXPECTED "a port (1 to 65535), \"address:port\" or [address, port]"

/* A decimal number up to most; -1: it is none. */
static int parse_port(const char *text, size_t len, int least) {
    int port = 0;
    if (!len || len > 5)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)text[i]))
            return -1;
        port = port * 10 + (text[i] - '0');
    }
    return port < least || port > 65535 ? -1 : port;
}

static enum enc_read set_address(struct enc_port *port, const char *text, size_t len) {
    unsigned char parsed[sizeof(struct in6_addr)];
    char address[INET6_ADDRSTRLEN];
    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (!len || len >= sizeof address)
        return ENC_READ_VALUE;
    memcpy(address, text, len);
    address[len] = '\0';
    if (inet_pton(AF_INET, address, parsed) != 1 && inet_pton(AF_INET6, address, parsed) != 1)
        return ENC_READ_VALUE;
    free(port->host_ip);
    port->host_ip = strdup(address);
    return port->host_ip ? ENC_READ_OK : ENC_READ_NOMEM;
}

/* 8081, "8081", "0.0.0.0:8081", "[::1]:8081" */
static enum enc_read set_host_port(struct enc_port *port, json_t *value) {
    int64_t number;
    if (json_is_number(value)) {
        if (!enc_read_whole(value, &number) || number < 0 || number > 65535)
            return ENC_READ_VALUE;
        port->host_port = (int)number;
        return ENC_READ_OK;
    }
    const char *text = enc_read_text(value);
    if (!text)
        return json_is_string(value) ? ENC_READ_VALUE : ENC_READ_TYPE;
    const char *colon = strrchr(text, ':');
    const char *digits = colon ? colon + 1 : text;
    port->host_port = parse_port(digits, strlen(digits), 0);
    if (port->host_port < 0)
        return ENC_READ_VALUE;
    return colon ? set_address(port, text, (size_t)(colon - text)) : ENC_READ_OK;
}

static enum enc_read set_host(struct enc_port *port, json_t *value) {
    if (json_is_null(value))
        return ENC_READ_OK; /* any free port */
    if (!json_is_array(value))
        return set_host_port(port, value);
    const char *address = enc_read_text(json_array_get(value, 0));
    if (json_array_size(value) != 2 || !address)
        return ENC_READ_TYPE;
    enum enc_read got = set_host_port(port, json_array_get(value, 1));
    return got == ENC_READ_OK ? set_address(port, address, strlen(address)) : got;
}

/* "8080" or "8080/tcp" */
static enum enc_read set_container(struct enc_port *port, const char *text) {
    size_t len = strcspn(text, "/");
    const char *protocol = text[len] ? text + len : "/tcp";
    int number = parse_port(text, len, 1);
    if (number < 0 || (strcmp(protocol, "/tcp") != 0 && strcmp(protocol, "/udp") != 0 &&
                       strcmp(protocol, "/sctp") != 0))
        return ENC_READ_VALUE;
    char name[16];
    snprintf(name, sizeof name, "%d%s", number, protocol);
    port->container = strdup(name);
    return port->container ? ENC_READ_OK : ENC_READ_NOMEM;
}

ENC_READER(ports) {
    struct enc_port *port = *(struct enc_port **)into;
    const char *inside;
    json_t *outside;
    if (!json_is_object(value) && !enc_read_is_empty(value))
        return ENC_READ_TYPE;
    free(port); /* the empty list of the defaults */
    port = calloc(json_object_size(value) + 1, sizeof *port);
    *(struct enc_port **)into = port;
    if (!port)
        return ENC_READ_NOMEM;
    json_object_foreach(value, inside, outside) {
        enum enc_read got = set_container(port, inside);
        if (got == ENC_READ_VALUE) {
            enc_fail(err,
                     ENCLAVE_INVALID,
                     ENC_CONFIG_OP,
                     "%s: \"%.100s\" is not a port of the sandbox; expected one such as "
                     "\"8080\" or \"8080/tcp\"",
                     field->name,
                     inside);
            return ENC_READ_FAILED;
        }
        if (got == ENC_READ_OK && !(port->host_ip = strdup("127.0.0.1")))
            got = ENC_READ_NOMEM;
        if (got == ENC_READ_OK)
            got = set_host(port, outside);
        if (got == ENC_READ_TYPE || got == ENC_READ_VALUE) {
            char path[64];
            snprintf(path, sizeof path, "%s[\"%s\"]", field->name, inside);
            return enc_read_bad(path, outside, NULL, PORT_EXPECTED, got == ENC_READ_TYPE, err);
        }
        if (got != ENC_READ_OK)
            return got;
        port++;
    }
    return ENC_READ_OK;
}
