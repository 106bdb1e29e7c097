/* A stream over TLS whose other side does not read for a while: what is written meanwhile waits
 * and arrives whole. The other side is openssl's own server. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "setting.h"
#include "stream.h"

#define MOST  (64u << 20) /* bytes until the kernel takes no more: far more than it keeps */
#define PIECE 50021       /* of no special size */

struct peer {
    pid_t pid;
    int in, out; /* what goes to its client, what came from there */
    char folder[32], url[64];
};

static int free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void peer_start(struct peer *peer) {
    char command[400], where[32];
    int in[2], out[2];
    strcpy(peer->folder, "/tmp/enclave-test-XXXXXX");
    assert_non_null(mkdtemp(peer->folder));
    snprintf(where, sizeof where, "127.0.0.1:%d", free_port());
    snprintf(peer->url, sizeof peer->url, "https://%s", where);
    snprintf(command,
             sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
             "-subj /CN=localhost -keyout %s/key.pem -out %s/cert.pem 2>/dev/null",
             peer->folder,
             peer->folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(pipe(in) | pipe(out), 0);
    if (!(peer->pid = fork())) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        close(out[0]);
        if (chdir(peer->folder) == 0)
            execlp("openssl",
                   "openssl",
                   "s_server",
                   "-quiet",
                   "-accept",
                   where,
                   "-key",
                   "key.pem",
                   "-cert",
                   "cert.pem",
                   (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    peer->in = in[1];
    peer->out = out[0];
    fcntl(peer->out, F_SETFL, O_NONBLOCK);
}

static void peer_stop(struct peer *peer) {
    char command[64];
    kill(peer->pid, SIGKILL);
    waitpid(peer->pid, NULL, 0);
    close(peer->in);
    close(peer->out);
    snprintf(command, sizeof command, "rm -r %s", peer->folder);
    assert_int_equal(system(command), 0);
}

struct talk {
    bool open, ended;
    char why[200];
};

static void on_open(void *data) {
    ((struct talk *)data)->open = true;
}

static void on_data(void *data, const char *bytes, size_t len) {
    (void)data, (void)bytes, (void)len;
}

static void on_end(void *data, const struct enclave_error *err) {
    struct talk *talk = data;
    talk->ended = true;
    snprintf(talk->why, sizeof talk->why, "%.199s", err ? err->message : "");
}

static const struct enc_stream_events events = {on_open, on_data, on_end};

static void nothing(struct enc_timer *timer) {
    (void)timer;
}

static void turn(struct enc_loop *loop) {
    struct enc_timer alarm = {.fire = nothing};
    enc_timer_start(loop, &alarm, enc_deadline_in(5 * ENC_NS_PER_MS));
    enc_loop_turn(loop, true);
    enc_timer_stop(loop, &alarm);
}

/* Connects, as soon as the server is there, and plays its part of the greeting. */
static struct enc_stream *greet(struct enc_loop *loop,
                                const struct enc_endpoint *endpoint,
                                struct peer *peer,
                                struct talk *talk) {
    static const char reply[] = "HTTP/1.1 101 UPGRADED\r\n\r\n";
    enc_deadline until = enc_deadline_in(60 * ENC_NS_PER_S);
    struct enc_stream *stream = NULL;
    char request[2048];
    size_t len = 0;
    while (!talk->open) {
        assert_true(enc_now() < until);
        if (!stream || talk->ended) {
            enc_stream_close(stream);
            *talk = (struct talk){0};
            stream =
                enc_stream_open(loop, endpoint, "test", "/x", NULL, until, &events, talk, NULL);
            assert_non_null(stream);
        }
        turn(loop);
        ssize_t got = read(peer->out, request + len, sizeof request - len);
        len += got > 0 ? (size_t)got : 0;
        if (got > 0 && len > 4 && !memcmp(request + len - 4, "\r\n\r\n", 4))
            assert_int_equal(write(peer->in, reply, sizeof reply - 1), sizeof reply - 1);
    }
    return stream;
}

static unsigned char byte_at(size_t i) {
    return (unsigned char)(i % 251);
}

static void write_pieces(struct enc_stream *stream, size_t *written, size_t bytes) {
    static unsigned char piece[PIECE];
    for (size_t end = *written + bytes; *written < end; *written += PIECE) {
        for (size_t i = 0; i < PIECE; i++)
            piece[i] = byte_at(*written + i);
        assert_int_equal(enc_stream_write(stream, piece, PIECE), 0);
    }
}

static void a_peer_that_does_not_read(void **state) {
    (void)state;
    struct enc_loop *loop = enc_loop_new(NULL, NULL);
    struct enc_endpoint endpoint;
    struct peer peer;
    struct talk talk = {0};
    size_t written = 0, arrived = 0;
    static unsigned char bytes[65536];
    peer_start(&peer);
    assert_int_equal(enc_endpoint_parse(&endpoint, peer.url, NULL, true, false, NULL), 0);
    struct enc_stream *stream = greet(loop, &endpoint, &peer, &talk);
    kill(peer.pid, SIGSTOP);
    while (enc_stream_queued(stream) < 10 * PIECE && written < MOST)
        write_pieces(stream, &written, PIECE);
    assert_true(written < MOST);
    for (int i = 0; i < 20; i++) { /* more and more, tried again and again */
        write_pieces(stream, &written, (size_t)i * PIECE);
        turn(loop);
    }
    kill(peer.pid, SIGCONT);
    enc_deadline until = enc_deadline_in(60 * ENC_NS_PER_S);
    while (arrived < written && !talk.ended && enc_now() < until) {
        ssize_t got;
        turn(loop);
        while ((got = read(peer.out, bytes, sizeof bytes)) > 0)
            for (ssize_t i = 0; i < got; i++)
                assert_int_equal(bytes[i], byte_at(arrived++));
    }
    assert_string_equal(talk.why, "");
    assert_int_equal(arrived, written);
    assert_int_equal(enc_stream_queued(stream), 0);
    enc_stream_close(stream);
    enc_endpoint_free(&endpoint);
    enc_loop_free(loop);
    peer_stop(&peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_peer_that_does_not_read)};
    return cmocka_run_group_tests_name("stream over TLS", tests, NULL, NULL);
}
