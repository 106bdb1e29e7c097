#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

#define BACKLOG 1024

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t parse(union address *address, const char *host, unsigned port) {
    memset(address, 0, sizeof *address);
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons((uint16_t)port);
        return sizeof address->v4;
    }
    if (inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons((uint16_t)port);
        return sizeof address->v6;
    }
    return 0;
}

int enc_httpd_listen(const char *host, unsigned port, unsigned *bound, struct enclave_error *err) {
    static const char op[] = "httpd.listen";
    union address address;
    socklen_t len = parse(&address, host, port);
    int on = 1;
    if (!len)
        return enc_fail(err,
                        ENCLAVE_INVALID,
                        op,
                        "host: \"%.100s\": expected an IP address or \"localhost\"",
                        host);
    int fd = enc_loop_socket(address.any.sa_family, SOCK_STREAM, 0);
    if (fd < 0)
        return enc_fail(err, ENCLAVE_INTERNAL, op, "no socket: %s", strerror(errno));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &address.any, len) || listen(fd, BACKLOG) || getsockname(fd, &address.any, &len)) {
        int why = errno;
        close(fd);
        return enc_fail(
            err, ENCLAVE_INVALID, op, "cannot listen on %s port %u: %s", host, port, strerror(why));
    }
    *bound = ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    return fd;
}
