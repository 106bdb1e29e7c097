/* The driver against a Docker Engine that is made up here: answers that a real one gives now and
 * then, and not when a test wants them. */
#include "box_fixture.h"
#include "channel_agent/agent_volume.h"
#include "server.h"

#define MOST_TALKS 64

static struct {
    struct server server;
    pthread_mutex_t lock;
    pthread_t talks[MOST_TALKS];
    int fds[MOST_TALKS];
    unsigned talking, creates, attached, started;
    bool port_taken, complains;
    bool with_socket; /* the last sandbox was created with a folder for the agent's socket */
} engine = {.lock = PTHREAD_MUTEX_INITIALIZER};

static unsigned next_of(unsigned *counter) {
    pthread_mutex_lock(&engine.lock);
    unsigned next = ++*counter;
    pthread_mutex_unlock(&engine.lock);
    return next;
}

static unsigned count_of(const unsigned *counter) {
    pthread_mutex_lock(&engine.lock);
    unsigned count = *counter;
    pthread_mutex_unlock(&engine.lock);
    return count;
}

/* Until the counter is there or the test is over. */
static void wait_for(const unsigned *counter, unsigned value) {
    struct pollfd over = {.fd = engine.server.stop[0], .events = POLLIN};
    while (count_of(counter) < value && !poll(&over, 1, 1))
        ;
}

static void answer_with(int fd, const char *status, const char *json) {
    char text[1000];
    snprintf(text,
             sizeof text,
             "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             status,
             strlen(json),
             json);
    server_say(fd, text);
}

static void create_answer(int fd, const char *request) {
    if (strstr(request, "\"/no/such\"")) {
        answer_with(fd,
                    "400 Bad Request",
                    "{\"message\":\"invalid mount config for type \\\"bind\\\": bind source path "
                    "does not exist: /no/such\"}");
        return;
    }
    engine.with_socket = strstr(request, ENC_AGENT_IO_FOLDER) != NULL;
    next_of(&engine.creates);
    answer_with(fd,
                "201 Created",
                "{\"Id\":\"c1\",\"Warnings\":[\"PIDs limit discarded.\",\"of no account\"]}");
}

/* What the first process of a container writes: 1 standard output, 2 standard error. */
static void say(int fd, unsigned char stream, const char *text) {
    const unsigned char head[8] = {stream, 0, 0, 0, 0, 0, 0, (unsigned char)strlen(text)};
    if (send(fd, head, sizeof head, MSG_NOSIGNAL) > 0)
        server_say(fd, text);
}

/* The first one ends before the answer to the start has come; the others are shells. */
static void attach_answer(int fd) {
    unsigned number = next_of(&engine.attached);
    server_say(fd, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    wait_for(&engine.started, number);
    if (number == 1)
        return;
    if (engine.complains)
        say(fd, 2, "sh: warning: setlocale: LC_ALL: cannot change locale (de_DE.UTF-8)\n");
    say(fd, 1, "enclave 7 0\n");
    server_wait(&engine.server, fd);
}

static void start_answer(int fd) {
    if (next_of(&engine.started) == 1)
        usleep(300000);
    if (engine.port_taken)
        answer_with(fd,
                    "500 Internal Server Error",
                    "{\"message\":\"driver failed programming external connectivity on endpoint "
                    "x: Bind for 127.0.0.1:80 failed: port is already allocated\"}");
    else
        server_say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
}

static void *talk(void *data) {
    int fd = *(int *)data;
    const size_t size = 4u << 20; /* the agent is among what comes */
    char *text = malloc(size), version[200];
    snprintf(version,
             sizeof version,
             "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\",\"Arch\":\"%s\"}",
             enc_agent_architecture());
    while (text && server_request(&engine.server, fd, text, size)) {
        char *end = strstr(text, "\r\n");
        *end = '\0';
        if (strstr(text, "/version"))
            answer_with(fd, "200 OK", version);
        else if (strstr(text, "/containers/create"))
            create_answer(fd, end + 1);
        else if (strstr(text, "/attach"))
            attach_answer(fd);
        else if (strstr(text, "/start"))
            start_answer(fd);
        else if (!strncmp(text, "GET", 3) && strstr(text, "/archive"))
            answer_with(fd, "404 Not Found", "{\"message\":\"no such file\"}");
        else if (!strncmp(text, "DELETE", 6))
            server_say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
        else
            answer_with(fd, "200 OK", strstr(text, "/containers/json") ? "[]" : "{}");
        if (strstr(text, "/attach"))
            break;
    }
    free(text);
    close(fd);
    return NULL;
}

static void serve(struct server *server, int fd) {
    (void)server;
    int *mine = &engine.fds[engine.talking];
    if (engine.talking < MOST_TALKS && (*mine = dup(fd)) >= 0 &&
        !pthread_create(&engine.talks[engine.talking], NULL, talk, mine))
        engine.talking++;
}

static void open_engine(bool tcp, const struct enc_log *log) {
    engine.talking = engine.creates = engine.attached = engine.started = 0;
    assert_true(server_start(&engine.server, tcp, serve));
    loop = enc_loop_new(NULL, NULL);
    json_t *options = json_pack("{s:s}", "host", engine.server.url);
    host = enc_driver_docker.open(loop, log, "000000000000-1-1", options, NULL);
    json_decref(options);
    assert_non_null(host);
    struct waited waited = prepare("{\"channel\": \"auto\"}");
    if (waited.err.code)
        fail_msg("%s", waited.err.message);
    engine.creates = 0;
}

static void close_engine(void) {
    host->driver->close(host);
    assert_int_equal(enc_loop_operations(loop), 0);
    enc_loop_free(loop);
    server_stop(&engine.server);
    while (engine.talking)
        pthread_join(engine.talks[--engine.talking], NULL);
}

static void an_agent_that_ends_early_is_replaced_by_exec(void **state) {
    (void)state;
    struct box box;
    open_engine(true, &quiet);
    up(&box, "{\"channel\": \"auto\"}");
    assert_string_equal(box.sandbox->channel->name, "exec");
    assert_int_equal(engine.creates, 2);
    down(&box);
    close_engine();
}

static void a_port_that_is_taken_says_nothing_of_the_agent(void **state) {
    (void)state;
    struct box box;
    open_engine(true, &quiet);
    engine.port_taken = true;
    create(&box, "{\"channel\": \"auto\"}");
    turn_until(&box.broken);
    engine.port_taken = false;
    assert_int_equal(box.err.code, ENCLAVE_DOCKER);
    assert_non_null(strstr(box.err.message, "port is already allocated"));
    assert_int_equal(engine.creates, 1);
    down(&box);
    close_engine();
}

static void a_volume_that_is_not_there_costs_no_socket(void **state) {
    (void)state;
    struct box wrong, right;
    open_engine(false, &quiet);
    create(&wrong, "{\"channel\": \"auto\", \"volumes\": {\"/no/such\": \"/data\"}}");
    turn_until(&wrong.broken);
    assert_int_equal(wrong.err.code, ENCLAVE_DOCKER);
    assert_int_equal(engine.creates, 0);
    down(&wrong);
    engine.with_socket = false;
    create(&right, "{\"channel\": \"agent\"}");
    while (!count_of(&engine.attached))
        enc_loop_turn(loop, false);
    assert_true(engine.with_socket);
    down(&right);
    close_engine();
}

static void a_complaint_is_no_greeting(void **state) {
    (void)state;
    struct box box;
    open_engine(true, &quiet);
    engine.attached = engine.started = 1; /* it is a shell */
    engine.complains = true;
    create(&box, "{\"channel\": \"exec\"}");
    turn_until(&box.ready);
    engine.complains = false;
    down(&box);
    close_engine();
}

static unsigned told;

static void on_line(void *data, enum enc_log_level level, const char *line) {
    (void)data;
    assert_int_equal(level, ENC_LOG_WARN);
    told += strstr(line, "PIDs limit discarded") != NULL;
    assert_null(strstr(line, "of no account"));
}

static void a_limit_that_is_left_out_is_told_once(void **state) {
    (void)state;
    const struct enc_log log = {.level = ENC_LOG_WARN, .write = on_line};
    struct box boxes[2];
    open_engine(true, &log);
    engine.attached = engine.started = 1; /* all of them are shells */
    for (int i = 0; i < 2; i++) {
        up(&boxes[i], "{\"channel\": \"exec\"}");
        assert_int_equal(told, 1);
    }
    down(&boxes[0]);
    down(&boxes[1]);
    close_engine();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agent_that_ends_early_is_replaced_by_exec),
        cmocka_unit_test(a_port_that_is_taken_says_nothing_of_the_agent),
        cmocka_unit_test(a_volume_that_is_not_there_costs_no_socket),
        cmocka_unit_test(a_complaint_is_no_greeting),
        cmocka_unit_test(a_limit_that_is_left_out_is_told_once),
    };
    return cmocka_run_group_tests_name("odd_engine", tests, NULL, NULL);
}
