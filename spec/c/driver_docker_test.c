/* Sandboxes on the real Docker Engine of DOCKER_HOST, with the image of ENCLAVE_IMAGE, over
 * the exec channel. It fails, rather than skips, when there is no engine. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "docker.h"
#include "owner.h"
#include "sandbox.h"

static struct enc_loop *loop;
static struct enc_host *host;
static struct enc_docker *docker; /* to look behind the driver's back */
static const struct enc_log quiet = {.level = ENC_LOG_ERROR};

struct box {
    struct enc_sandbox *sandbox;
    bool ready, broken, gone;
    struct enclave_error err;
};

static void on_ready(void *data, struct enc_sandbox *sandbox) {
    struct box *box = data;
    assert_false(box->ready);
    (void)sandbox;
    box->ready = true;
}

static void on_broken(void *data, struct enc_sandbox *sandbox, const struct enclave_error *err) {
    struct box *box = data;
    assert_false(box->broken);
    (void)sandbox;
    box->broken = true;
    box->err = *err;
}

static void on_gone(void *data, struct enc_sandbox *sandbox) {
    struct box *box = data;
    assert_false(box->gone);
    (void)sandbox;
    box->gone = true;
    box->sandbox = NULL;
}

static const struct enc_sandbox_events box_events = {on_ready, on_broken, on_gone};

static void turn_until(const bool *flag) {
    enc_deadline limit = enc_deadline_in(120 * ENC_NS_PER_S);
    while (!*flag) {
        enc_loop_turn(loop, true);
        assert_true(enc_deadline_left(limit) > 0);
    }
}

static void idle_for(uint64_t ms) {
    enc_deadline until = enc_deadline_in(ms * ENC_NS_PER_MS);
    while (enc_deadline_left(until)) {
        enc_loop_turn(loop, false);
        usleep(1000);
    }
}

static struct enc_config *config_of(const char *fields) {
    struct enclave_error err = {0};
    const char *image = getenv("ENCLAVE_IMAGE");
    json_t *json = json_loads(fields, 0, NULL);
    assert_non_null(json);
    if (!json_object_get(json, "image"))
        json_object_set_new(
            json, "image", json_string(image && *image ? image : "enclave/python:3.11"));
    if (!json_object_get(json, "channel"))
        json_object_set_new(json, "channel", json_string("exec"));
    struct enc_config *config = enc_config_from_json(json, ENC_FOR_POOL, &err);
    json_decref(json);
    if (!config)
        fail_msg("%s", err.message);
    return config;
}

static void create(struct box *box, const char *fields) {
    struct enc_config *config = config_of(fields);
    *box = (struct box){0};
    box->sandbox = enc_sandbox_new(host, config, "test", &box_events, box, NULL);
    assert_non_null(box->sandbox);
    assert_false(box->ready || box->broken);
    enc_config_unref(config);
}

static void up(struct box *box, const char *fields) {
    create(box, fields);
    while (!box->ready && !box->broken)
        enc_loop_turn(loop, true);
    if (box->broken)
        fail_msg("%s", box->err.message);
}

static void down(struct box *box) {
    enc_sandbox_destroy(box->sandbox, NULL);
    turn_until(&box->gone);
}

struct ran {
    bool done;
    struct enc_run *run;
    enum enc_run_status status;
    int code, signal;
    char out[4096], errors[4096];
    uint64_t total;
    size_t len;
    struct enclave_error err;
};

static void keep(char *text, size_t size, const struct enc_run_output *output) {
    size_t len = output->bytes.len < size - 1 ? output->bytes.len : size - 1;
    if (len)
        memcpy(text, output->bytes.data, len);
    text[len] = '\0';
}

static void on_ran(void *data, struct enc_run_result *result, const struct enclave_error *err) {
    struct ran *ran = data;
    assert_false(ran->done);
    ran->done = true;
    ran->status = result->status;
    ran->code = result->exit_code;
    ran->signal = result->term_signal;
    ran->total = result->out.total;
    ran->len = result->out.bytes.len;
    keep(ran->out, sizeof ran->out, &result->out);
    keep(ran->errors, sizeof ran->errors, &result->err);
    if (err)
        ran->err = *err;
}

static const struct enc_run_events run_events = {.on_done = on_ran};

static void start(struct box *box, struct ran *ran, struct enc_run_spec spec, double seconds) {
    struct enclave_error err = {0};
    *ran = (struct ran){0};
    spec.deadline = enc_deadline_in_seconds(seconds);
    ran->run = enc_run_start(box->sandbox, &spec, &run_events, ran, &err);
    if (!ran->run)
        fail_msg("%s", err.message);
    assert_false(ran->done);
}

static void run(struct box *box, struct ran *ran, struct enc_run_spec spec, double seconds) {
    start(box, ran, spec, seconds);
    turn_until(&ran->done);
}

static void shell(struct box *box, struct ran *ran, const char *script, double seconds) {
    const char *const argv[] = {"sh", "-c", script, NULL};
    run(box, ran, (struct enc_run_spec){.argv = argv}, seconds);
    assert_int_equal(ran->err.code, 0);
}

struct waited {
    bool done;
    struct enclave_error err;
    struct enc_buf got;
    struct enc_reset_report report;
};

static void on_moved(void *data, struct enc_transfer *transfer, const struct enclave_error *err) {
    struct waited *waited = data;
    waited->done = true;
    waited->got = enc_buf_steal(&transfer->got);
    if (err)
        waited->err = *err;
}

static void on_reset(void *data,
                     const struct enc_reset_report *report,
                     const struct enclave_error *err) {
    struct waited *waited = data;
    waited->done = true;
    if (report)
        waited->report = *report;
    if (err)
        waited->err = *err;
}

static void on_prepared(void *data, const struct enclave_error *err) {
    struct waited *waited = data;
    waited->done = true;
    if (err)
        waited->err = *err;
}

static void reset(struct box *box, struct waited *waited) {
    *waited = (struct waited){0};
    assert_int_equal(enc_sandbox_reset(box->sandbox, on_reset, waited, NULL), 0);
    turn_until(&waited->done);
}

static struct waited put(
    struct box *box, enum enc_transfer_kind kind, const char *path, const void *bytes, size_t len) {
    struct waited waited = {0};
    assert_non_null(enc_sandbox_put(box->sandbox,
                                    kind,
                                    path,
                                    0,
                                    bytes,
                                    len,
                                    enc_deadline_in(60 * ENC_NS_PER_S),
                                    on_moved,
                                    &waited,
                                    NULL));
    turn_until(&waited.done);
    return waited;
}

static struct waited get(struct box *box, const char *path, size_t max) {
    struct waited waited = {0};
    assert_non_null(enc_sandbox_get(
        box->sandbox, path, max, enc_deadline_in(60 * ENC_NS_PER_S), on_moved, &waited, NULL));
    turn_until(&waited.done);
    return waited;
}

/* ---- runs ----------------------------------------------------------------------- */

static void programs_run(void **state) {
    (void)state;
    struct box box;
    struct ran ran;
    up(&box, "{\"env_vars\": {\"COLOUR\": \"blue\"}}");
    shell(&box, &ran, "echo out; echo err >&2; exit 3", 30);
    assert_int_equal(ran.status, ENC_RUN_EXITED);
    assert_int_equal(ran.code, 3);
    assert_string_equal(ran.out, "out\n");
    assert_string_equal(ran.errors, "err\n");

    shell(&box, &ran, "echo $COLOUR $HOME $(pwd) $(id -u):$(id -g); touch here", 30);
    assert_string_equal(ran.out, "blue /sandbox /sandbox 65534:65534\n");
    shell(&box,
          &ran,
          "touch /usr/x 2>/dev/null && echo writable; grep CapEff /proc/self/status; "
          "ls /sys/class/net",
          30);
    assert_string_equal(ran.out, "CapEff:\t0000000000000000\nlo\n");

    const char *const python[] = {"python3", "main.py", "a b", "ü", NULL};
    const char *const env[] = {"SIZE=4", NULL};
    static const char code[] = "import os, sys\nprint(sys.argv, os.environ['SIZE'], input())\n";
    run(&box,
        &ran,
        (struct enc_run_spec){.argv = python,
                              .env = env,
                              .code = code,
                              .code_len = sizeof code - 1,
                              .code_path = "deep/er/main.py",
                              .cwd = "deep/er",
                              .stdin_data = "question\nmore",
                              .stdin_len = 13},
        30);
    assert_string_equal(ran.errors, "");
    assert_string_equal(ran.out, "['main.py', 'a b', 'ü'] 4 question\n");

    const char *const none[] = {"no-such-program", NULL};
    run(&box, &ran, (struct enc_run_spec){.argv = none}, 30);
    assert_int_equal(ran.code, 127);
    assert_non_null(strstr(ran.errors, "no-such-program"));

    shell(&box, &ran, "kill -SEGV $$", 30);
    assert_int_equal(ran.status, ENC_RUN_SIGNALED);
    assert_int_equal(ran.signal, SIGSEGV);
    down(&box);
}

static size_t processes(struct box *box, const char *name) {
    struct ran ran;
    char script[200];
    snprintf(script, sizeof script, "cat /proc/[0-9]*/comm 2>/dev/null | grep -cx %s", name);
    shell(box, &ran, script, 30);
    return strtoul(ran.out, NULL, 10);
}

static void users_and_services(void **state) {
    (void)state;
    struct box box;
    struct ran ran;
    struct waited waited;
    up(&box, "{\"user\": \"nobody\", \"command\": [\"sh\", \"-c\", \"sleep 1234; true\"]}");
    shell(&box, &ran, "echo x >file && id -un", 30);
    assert_string_equal(ran.out, "nobody\n");
    reset(&box, &waited);
    assert_int_equal(waited.err.code, 0);
    assert_int_equal(waited.report.files, 1);
    assert_int_equal(processes(&box, "sleep"), 1); /* the service goes on */
    down(&box);
    up(&box, "{\"user\": \"root\"}");
    shell(&box, &ran, "id -u; setsid sleep 1000 >&- 2>&- &", 30);
    assert_string_equal(ran.out, "0\n");
    reset(&box, &waited);
    assert_int_equal(waited.err.code, 0);
    assert_int_equal(waited.report.processes, 1);
    assert_false(box.broken);
    down(&box);
}

static void input_comes_later(void **state) {
    (void)state;
    struct box box;
    struct ran ran;
    const char *const argv[] = {"cat", NULL};
    up(&box, "{}");
    start(&box,
          &ran,
          (struct enc_run_spec){
              .argv = argv, .stdin_data = "one ", .stdin_len = 4, .stdin_open = true},
          30);
    assert_int_equal(enc_run_input(ran.run, "two ", 4, NULL), 0);
    idle_for(300);
    assert_int_equal(enc_run_input(ran.run, "three", 5, NULL), 0);
    enc_run_input_end(ran.run);
    turn_until(&ran.done);
    assert_string_equal(ran.out, "one two three");
    assert_int_equal(ran.code, 0);
    down(&box);
}

static void much_output_is_whole(void **state) {
    (void)state;
    struct box box;
    struct ran ran;
    up(&box, "{\"max_output_size\": \"1m\"}");
    shell(&box, &ran, "head -c 8388608 /dev/zero; echo end >&2", 60);
    assert_int_equal(ran.total, 8388608);
    assert_int_equal(ran.len, 1048576);
    assert_string_equal(ran.errors, "end\n");
    down(&box);
}

static void a_late_program_is_killed_inside(void **state) {
    (void)state;
    struct box box;
    struct ran ran;
    up(&box, "{}");
    enc_deadline begun = enc_now();
    shell(&box, &ran, "echo part; (trap '' TERM; sleep 1000) & sleep 1000", 1.5);
    assert_true(enc_now() - begun >= ENC_NS_PER_S);
    assert_int_equal(ran.status, ENC_RUN_TIMEOUT);
    assert_int_equal(ran.code, -1);
    assert_string_equal(ran.out, "part\n");
    assert_false(box.broken);
    assert_int_equal(processes(&box, "sleep"), 0);

    const char *const argv[] = {"sleep", "1000", NULL};
    start(&box, &ran, (struct enc_run_spec){.argv = argv}, 30);
    idle_for(300);
    enc_run_cancel(ran.run);
    turn_until(&ran.done);
    assert_int_equal(ran.status, ENC_RUN_CANCELLED);
    assert_int_equal(processes(&box, "sleep"), 0);

    static const char code[] = "sleep 1000";
    start(&box,
          &ran,
          (struct enc_run_spec){
              .argv = argv, .code = code, .code_len = sizeof code - 1, .code_path = "x"},
          30);
    enc_run_cancel(ran.run); /* while its code is being written */
    turn_until(&ran.done);
    assert_int_equal(ran.status, ENC_RUN_CANCELLED);
    assert_false(box.broken);
    down(&box);
}

static void a_child_that_stays_does_not_hold_the_run(void **state) {
    (void)state;
    struct box box;
    struct ran ran;
    struct waited waited;
    up(&box, "{}");
    /* It holds the output and keeps the mark. */
    shell(&box, &ran, "setsid sleep 1000 & echo done", 60);
    assert_int_equal(ran.status, ENC_RUN_EXITED);
    assert_int_equal(ran.code, 0);
    assert_string_equal(ran.out, "done\n");
    assert_int_equal(processes(&box, "sleep"), 0);
    /* It throws the mark away: only a reset finds it. */
    shell(&box, &ran, "env -i setsid sleep 1000 & echo done", 60);
    assert_string_equal(ran.out, "done\n");
    assert_int_equal(processes(&box, "sleep"), 1);
    reset(&box, &waited);
    assert_int_equal(waited.err.code, 0);
    assert_int_equal(waited.report.processes, 1);
    assert_int_equal(processes(&box, "sleep"), 0);
    down(&box);
}

/* ---- files and cleaning --------------------------------------------------------- */

static void files_of_any_name(void **state) {
    (void)state;
    static const char *const names[] = {"plain",
                                        "deep/er/than that",
                                        "-rf",
                                        "a\nb\n/c\n",
                                        "quote'\"$(id)`id`;&|<>*?[",
                                        "back\\slash\\0101",
                                        "caf\xc3\xa9",
                                        "latin\xe9",
                                        "/tmp/absolute"};
    char bytes[3000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    struct box box;
    up(&box, "{}");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct waited waited = put(&box, ENC_PUT_FILE, names[i], bytes, sizeof bytes);
        if (waited.err.code)
            fail_msg("%s: %s", names[i], waited.err.message);
        waited = get(&box, names[i], sizeof bytes);
        assert_int_equal(waited.err.code, 0);
        assert_int_equal(waited.got.len, sizeof bytes);
        assert_memory_equal(waited.got.data, bytes, sizeof bytes);
        enc_buf_free(&waited.got);
    }
    assert_int_equal(put(&box, ENC_PUT_FOLDER, "x/y", NULL, 0).err.code, 0);
    assert_int_equal(put(&box, ENC_PUT_FILE, "x/y/empty", "", 0).err.code, 0);
    assert_int_equal(put(&box, ENC_PUT_LINK, "x/link", "y/empty", 7).err.code, 0);
    struct waited waited = get(&box, "x/link", 10);
    assert_int_equal(waited.err.code, 0);
    assert_int_equal(waited.got.len, 0);
    enc_buf_free(&waited.got);
    assert_int_equal(get(&box, "x", 10).err.code, ENCLAVE_INVALID);
    assert_int_equal(get(&box, "none", 10).err.code, ENCLAVE_NOT_FOUND);
    assert_int_equal(put(&box, ENC_PUT_FILE, "x/y", "a", 1).err.code, ENCLAVE_INVALID);
    assert_int_equal(put(&box, ENC_PUT_FILE, "/etc/passwd", "a", 1).err.code, ENCLAVE_INVALID);
    waited = get(&box, "plain", 2999);
    assert_int_equal(waited.err.code, ENCLAVE_INVALID);
    enc_buf_free(&waited.got);
    down(&box);
}

static void a_reset_leaves_nothing(void **state) {
    (void)state;
    struct box box;
    struct ran ran;
    struct waited waited;
    up(&box, "{\"tmpfs\": {\"/sandbox/below\": \"size=1m,mode=1777\"}}");
    reset(&box, &waited);
    assert_int_equal(waited.err.code, 0);
    assert_int_equal(waited.report.processes + waited.report.files, 0);
    shell(&box,
          &ran,
          "cd /sandbox; touch -- .hidden -rf 'a\nb' below/x /tmp/t /var/tmp/v /dev/shm/s;"
          "mkdir -p d/.e/f; touch d/.e/f/g; chmod 0 d /sandbox; env -i setsid sleep 1000 >&- 2>&- &"
          "i=0; while [ $i -lt 20 ]; do env -i setsid sh -c 'while :; do sleep 1000; done' >&- "
          "2>&- & "
          "i=$((i + 1)); done; sleep 0.5",
          60);
    assert_string_equal(ran.errors, "");
    reset(&box, &waited);
    if (waited.err.code)
        fail_msg("%s", waited.err.message);
    assert_true(waited.report.processes >= 21);
    assert_int_equal(waited.report.files, 11);
    shell(&box,
          &ran,
          "find /sandbox /tmp /var/tmp /run /dev/shm -mindepth 1; stat -c %a /sandbox",
          30);
    assert_string_equal(ran.errors, "");
    assert_string_equal(ran.out, "/sandbox/below\n755\n");
    assert_int_equal(processes(&box, "sleep"), 0);
    down(&box);
}

/* ---- life and death ------------------------------------------------------------- */

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

static struct waited prepare(const char *fields) {
    struct waited waited = {0};
    struct enc_config *config = config_of(fields);
    struct enclave_error err = {0};
    assert_non_null(host->driver->prepare(host, config, NULL, on_prepared, &waited, &err));
    enc_config_unref(config);
    turn_until(&waited.done);
    return waited;
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

static int set_up(void **state) {
    (void)state;
    char owner[40];
    loop = enc_loop_new(NULL, NULL);
    docker = enc_docker_from_env(loop, NULL, NULL);
    if (!loop || !docker)
        return -1;
    enc_owner_make(owner);
    host = enc_driver_docker.open(loop, &quiet, owner, NULL, NULL);
    if (!host)
        return -1;
    struct waited waited = prepare("{}");
    if (waited.err.code)
        print_error("%s\n", waited.err.message);
    return waited.err.code ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    host->driver->close(host);
    enc_docker_free(docker);
    assert_int_equal(enc_loop_pending(loop), 0);
    enc_loop_free(loop);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_run),
        cmocka_unit_test(users_and_services),
        cmocka_unit_test(input_comes_later),
        cmocka_unit_test(much_output_is_whole),
        cmocka_unit_test(a_late_program_is_killed_inside),
        cmocka_unit_test(a_child_that_stays_does_not_hold_the_run),
        cmocka_unit_test(files_of_any_name),
        cmocka_unit_test(a_reset_leaves_nothing),
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
