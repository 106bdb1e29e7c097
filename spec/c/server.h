/* server.h - for tests of the loop: a blocking server on a thread of its own that serves
 * one connection after the other with a function of the test, so that it can answer as
 * badly as it likes. */
#ifndef SPEC_SERVER_H
#define SPEC_SERVER_H

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct server {
    pthread_t thread;
    int listener, stop[2];
    unsigned connections;
    void (*serve)(struct server *server, int fd);
    char folder[32], path[64], url[96]; /* url: as an endpoint takes it */
};

static void *server_main(void *data) {
    struct server *server = data;
    for (;;) {
        struct pollfd fds[2] = {{.fd = server->listener, .events = POLLIN},
                                {.fd = server->stop[0], .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 || fds[1].revents)
            return NULL;
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0)
            continue;
        server->connections++;
        server->serve(server, fd);
        close(fd);
    }
}

static inline bool server_start(struct server *server,
                                bool tcp,
                                void (*serve)(struct server *server, int fd)) {
    *server = (struct server){.serve = serve};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    socklen_t len = sizeof address;
    if (pipe(server->stop))
        return false;
    if (tcp) {
        server->listener = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(server->listener, (struct sockaddr *)&address, len) ||
            getsockname(server->listener, (struct sockaddr *)&address, &len))
            return false;
        snprintf(server->url, sizeof server->url, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
    } else {
        strcpy(server->folder, "/tmp/enclave-test-XXXXXX");
        if (!mkdtemp(server->folder))
            return false;
        snprintf(server->path, sizeof server->path, "%s/socket", server->folder);
        snprintf(server->url, sizeof server->url, "unix://%s", server->path);
        snprintf(local.sun_path, sizeof local.sun_path, "%s", server->path);
        server->listener = socket(AF_UNIX, SOCK_STREAM, 0);
        if (bind(server->listener, (struct sockaddr *)&local, sizeof local))
            return false;
    }
    return !listen(server->listener, 64) &&
           !pthread_create(&server->thread, NULL, server_main, server);
}

static inline void server_stop(struct server *server) {
    if (write(server->stop[1], "x", 1) == 1)
        pthread_join(server->thread, NULL);
    close(server->stop[0]);
    close(server->stop[1]);
    close(server->listener);
    if (server->path[0]) {
        unlink(server->path);
        rmdir(server->folder);
    }
}

/* Until the client has hung up or the test is over. */
static inline void server_wait(struct server *server, int fd) {
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN},
                            {.fd = server->stop[0], .events = POLLIN}};
    char scrap[4096];
    while (poll(fds, 2, -1) > 0 && !fds[1].revents)
        if (read(fd, scrap, sizeof scrap) <= 0)
            return;
}

/* Reads one request with its body into text; false: the client hung up. */
static inline bool server_request(struct server *server, int fd, char *text, size_t size) {
    size_t have = 0;
    (void)server;
    while (have + 1 < size) {
        struct pollfd fds[2] = {{.fd = fd, .events = POLLIN},
                                {.fd = server->stop[0], .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 || fds[1].revents)
            return false;
        ssize_t got = read(fd, text + have, size - 1 - have);
        if (got <= 0)
            return false;
        have += (size_t)got;
        text[have] = '\0';
        char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "content-length:");
        if (!end)
            continue;
        size_t body = length && length < end ? strtoul(length + 15, NULL, 10) : 0;
        if (have >= (size_t)(end + 4 - text) + body)
            return true;
    }
    return true;
}

static inline void server_say(int fd, const char *text) {
    size_t left = strlen(text);
    while (left) {
        ssize_t sent = send(fd, text, left, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        text += sent;
        left -= (size_t)sent;
    }
}

#endif
