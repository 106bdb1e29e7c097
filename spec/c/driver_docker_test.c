/* The life and death of real containers. */
#include <signal.h>
#include <sys/wait.h>

#include "box_fixture.h"

static void on_asked(void *data, json_t *reply, const struct enclave_error *err) {
    struct waited *waited = data;
    (void)reply;
    waited->done = true;
    if (err)
        waited->err = *err;
}

static struct enc_docker_for ask(struct waited *waited) {
    *waited = (struct waited){0};
    return (struct enc_docker_for){enc_deadline_in(60 * ENC_NS_PER_S), on_asked, waited};
}

static bool exists(const char *name) {
    struct waited waited;
    assert_non_null(enc_docker_container_inspect(docker, name, ask(&waited), NULL));
    turn_until(&waited.done);
    assert_true(!waited.err.code || waited.err.http_status == 404);
    return !waited.err.code;
}

static void killed_from_outside_is_broken(void **state) {
    (void)state;
    struct box box;
    struct ran ran;
    struct waited waited;
    const char *const argv[] = {"sh", "-c", "echo part; sleep 1000", NULL};
    up(&box, "{}");
    start(&box, &ran, (struct enc_run_spec){.argv = argv}, 60);
    idle_for(500);
    assert_non_null(enc_docker_container_kill(docker, box.sandbox->id, "KILL", ask(&waited), NULL));
    turn_until(&box.broken);
    assert_int_equal(box.err.code, ENCLAVE_LOST);
    assert_true(ran.done);
    assert_string_equal(ran.out, "part\n");
    turn_until(&waited.done);
    down(&box);
}

static void destroyed_at_any_moment(void **state) {
    (void)state;
    for (int i = 0; i < 12; i++) {
        struct box box;
        char name[64];
        create(&box, "{}");
        snprintf(name, sizeof name, "%s", box.sandbox->id);
        idle_for((uint64_t)i * 25);
        assert_false(box.broken);
        down(&box);
        assert_false(exists(name));
    }
}

static void what_cannot_be_created_says_why(void **state) {
    (void)state;
    static const struct {
        const char *fields, *text;
    } cases[] = {
        {"{\"image\": \"enclave/no-such-image:9\"}", "enclave/no-such-image"},
        {"{\"runtime\": \"no-such-runtime\"}", "no-such-runtime"},
        {"{\"network_enabled\": true, \"network\": \"no-such-network\"}", "no-such-network"},
        {"{\"volumes\": {\"/no/such/folder\": {\"bind\": \"/x\"}}}", "/no/such/folder"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct box box;
        create(&box, cases[i].fields);
        while (!box.ready && !box.broken)
            enc_loop_turn(loop, true);
        assert_false(box.ready);
        if (box.err.code != ENCLAVE_DOCKER || !strstr(box.err.message, cases[i].text))
            fail_msg("case %zu: %s", i, box.err.message);
        down(&box);
    }
}

static void images_are_made_ready(void **state) {
    (void)state;
    assert_int_equal(prepare("{}").err.code, 0);
    struct waited waited = prepare("{\"image\": \"enclave/none:1\", \"pull\": \"never\"}");
    assert_int_equal(waited.err.code, ENCLAVE_NOT_FOUND);
    assert_non_null(strstr(waited.err.message, "docker pull enclave/none:1"));
    waited = prepare("{\"image\": \"127.0.0.1:1/none:1\"}");
    assert_int_equal(waited.err.code, ENCLAVE_DOCKER);
    assert_non_null(strstr(waited.err.message, "cannot pull image \"127.0.0.1:1/none:1\""));
}

static void owners(void **state) {
    (void)state;
    char owner[40], other[40 + 8];
    enc_owner_make(owner);
    assert_false(enc_owner_is_dead(owner));
    snprintf(other, sizeof other, "%s1", owner); /* the same pid, started at another time */
    assert_true(enc_owner_is_dead(other));
    snprintf(other, sizeof other, "%s", owner);
    other[0] = other[0] == 'a' ? 'b' : 'a'; /* another host */
    assert_false(enc_owner_is_dead(other));
    assert_false(enc_owner_is_dead("abc"));
    assert_false(enc_owner_is_dead(""));
}

/* What a crashed engine leaves when it never came to start its container. */
static void orphans_are_swept(void **state) {
    (void)state;
    int pipes[2];
    char dead[40] = "", alive[40];
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (!child) {
        char owner[40] = "";
        enc_owner_make(owner);
        _exit(write(pipes[1], owner, sizeof owner) != sizeof owner);
    }
    assert_int_equal(read(pipes[0], dead, sizeof dead), sizeof dead);
    waitpid(child, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
    assert_true(enc_owner_is_dead(dead));
    enc_owner_make(alive);

    const char *const owners_of[] = {dead, alive, "000000000000-1-1"};
    char names[3][64];
    const char *image = getenv("ENCLAVE_IMAGE");
    for (int i = 0; i < 3; i++) {
        struct waited waited;
        snprintf(names[i], sizeof names[i], "enclave-sweep-test-%d-%d", (int)getpid(), i);
        json_t *body = json_pack("{s:s, s:[s], s:{s:s}}",
                                 "Image",
                                 image && *image ? image : "enclave/python:3.11",
                                 "Cmd",
                                 "true",
                                 "Labels",
                                 "enclave.owner",
                                 owners_of[i]);
        assert_non_null(
            enc_docker_container_create(docker, names[i], NULL, body, ask(&waited), NULL));
        json_decref(body);
        turn_until(&waited.done);
        assert_int_equal(waited.err.code, 0);
    }
    struct enc_host *ours = host;
    host = enc_driver_docker.open(loop, &quiet, alive, NULL, NULL);
    assert_non_null(host);
    assert_int_equal(prepare("{}").err.code, 0);
    host->driver->close(host);
    host = ours;
    assert_false(exists(names[0]));
    for (int i = 1; i < 3; i++) {
        struct waited waited;
        assert_true(exists(names[i]));
        enc_docker_container_remove(docker, names[i], true, ask(&waited), NULL);
        turn_until(&waited.done);
    }
}

/* The engine dies by SIGKILL: its container ends and is removed, without any sweep. */
static void a_dead_engine_leaves_nothing(void **state) {
    (void)state;
    int pipes[2];
    char name[64] = "";
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (!child) {
        struct box box = {0};
        struct enc_config *config = config_of("{}");
        loop = enc_loop_new(NULL, NULL);
        host = enc_driver_docker.open(loop, &quiet, "test", NULL, NULL);
        struct waited waited = prepare("{}");
        box.sandbox = enc_sandbox_new(host, config, "test", &box_events, &box, NULL);
        while (!box.ready && !box.broken && !waited.err.code)
            enc_loop_turn(loop, true);
        if (!box.ready || write(pipes[1], box.sandbox->id, 40) != 40)
            _exit(1);
        for (;;)
            pause();
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], name, 40), 40);
    close(pipes[0]);
    assert_true(exists(name));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    for (int i = 0; i < 600 && exists(name); i++)
        idle_for(50);
    assert_false(exists(name));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_from_outside_is_broken),
        cmocka_unit_test(destroyed_at_any_moment),
        cmocka_unit_test(what_cannot_be_created_says_why),
        cmocka_unit_test(images_are_made_ready),
        cmocka_unit_test(owners),
        cmocka_unit_test(orphans_are_swept),
        cmocka_unit_test(a_dead_engine_leaves_nothing),
    };
    return cmocka_run_group_tests_name("driver_docker", tests, set_up, tear_down);
}
