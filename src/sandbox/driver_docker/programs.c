/* Programs in a container by Docker exec: create it, start it with its streams hijacked,
 * and ask how it ended. Docker keeps the stream open as long as anything holds its other
 * end, so the state of the program is asked for in between. */
#include <stdlib.h>
#include <string.h>

#include "driver_docker.h"

#define FIRST_LOOK (20 * ENC_NS_PER_MS)
#define LAST_LOOK  (400 * ENC_NS_PER_MS)

struct enc_program {
    struct enc_box *box;
    const struct enc_program_events *events;
    void *data;
    char id[80];
    struct enc_docker_call *call;
    struct enc_stream *stream;
    struct enc_demux demux;
    struct enc_buf early; /* input that came before the stream */
    bool input, input_ended, paused;
    bool stream_ended, exited;
    int code;
    uint64_t pause;        /* until the next look */
    struct enc_timer look; /* or a failure to be reported */
    struct enclave_error trouble;
};

static void end(struct enc_program *program, const struct enclave_error *err) {
    enc_timer_stop(program->box->host->base.loop, &program->look);
    enc_docker_cancel(program->call);
    program->call = NULL;
    program->events->on_end(program->data, err ? -1 : program->code, err);
}

static void on_look(struct enc_timer *timer);

static void look_in(struct enc_program *program, uint64_t ns) {
    program->look.fire = on_look;
    enc_timer_start(program->box->host->base.loop, &program->look, enc_deadline_in(ns));
}

static void on_trouble(struct enc_timer *timer) {
    struct enc_program *program = ENC_CONTAINER_OF(timer, struct enc_program, look);
    struct enclave_error err = program->trouble;
    end(program, &err);
}

static void fail_later(struct enc_program *program) {
    program->look.fire = on_trouble;
    enc_timer_start(program->box->host->base.loop, &program->look, 0);
}

static struct enc_docker_for answer(struct enc_program *program, enc_docker_done *done) {
    return (struct enc_docker_for){enc_deadline_in(ENC_DOCKER_LIMIT), done, program};
}

static void on_inspected(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_program *program = data;
    program->call = NULL;
    if (err) {
        end(program, err);
        return;
    }
    json_t *code = json_object_get(reply, "ExitCode");
    bool news = !program->exited && json_is_false(json_object_get(reply, "Running")) &&
                json_is_integer(code);
    if (news) {
        program->exited = true;
        program->code = (int)json_integer_value(code);
    }
    if (program->exited && program->stream_ended) {
        end(program, NULL);
    } else if (program->exited) {
        if (news)
            program->events->on_exit(program->data); /* last: it may close the program */
    } else {
        if (program->pause < LAST_LOOK)
            program->pause += program->pause;
        look_in(program, program->pause);
    }
}

static void on_look(struct enc_timer *timer) {
    struct enc_program *program = ENC_CONTAINER_OF(timer, struct enc_program, look);
    if (program->call)
        return;
    program->call = enc_docker_exec_inspect(
        program->box->host->docker, program->id, answer(program, on_inspected), &program->trouble);
    if (!program->call)
        fail_later(program);
}

static void on_open(void *data) {
    struct enc_program *program = data;
    program->pause = LAST_LOOK / 2;
    look_in(program, program->pause);
}

static bool on_output(void *data, int stream, const char *bytes, size_t len) {
    struct enc_program *program = data;
    return program->events->on_output(
        program->data, stream == 2 ? ENC_STDERR : ENC_STDOUT, bytes, len);
}

static void on_bytes(void *data, const char *bytes, size_t len) {
    struct enc_program *program = data;
    struct enclave_error err = {0};
    if (enc_demux_feed(&program->demux, bytes, len, on_output, program) >= 0)
        return;
    enc_fail(&err, ENCLAVE_PROTOCOL, "sandbox.run", "the Docker Engine's stream is garbled");
    end(program, &err);
}

static void on_stream_end(void *data, const struct enclave_error *err) {
    struct enc_program *program = data;
    if (err) {
        end(program, err);
        return;
    }
    program->stream_ended = true;
    if (program->exited) {
        end(program, NULL);
        return;
    }
    program->pause = FIRST_LOOK / 4;
    enc_docker_cancel(program->call); /* that look was too early */
    program->call = NULL;
    look_in(program, 0);
}

static const struct enc_stream_events stream_events = {on_open, on_bytes, on_stream_end};

static void on_created(void *data, json_t *reply, const struct enclave_error *err) {
    struct enc_program *program = data;
    const char *id = json_string_value(json_object_get(reply, "Id"));
    program->call = NULL;
    if (err) {
        end(program, err);
        return;
    }
    if (id)
        snprintf(program->id, sizeof program->id, "%s", id);
    program->stream = enc_docker_exec_start(program->box->host->docker,
                                            program->id,
                                            enc_deadline_in(ENC_DOCKER_LIMIT),
                                            &stream_events,
                                            program,
                                            &program->trouble);
    if (!program->stream) {
        fail_later(program);
        return;
    }
    enc_stream_pause(program->stream, program->paused);
    if (program->early.len)
        enc_stream_write(program->stream, program->early.data, program->early.len);
    enc_buf_free(&program->early);
    if (program->input_ended)
        enc_stream_end(program->stream);
}

static json_t *strings(const char *const *list) {
    json_t *array = json_array();
    for (; array && list && *list; list++) {
        if (json_array_append_new(array, json_string(*list))) { /* not UTF-8, or no memory */
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *body_of(const struct enc_program_spec *spec, const char *folder) {
    json_t *argv = strings(spec->argv), *env = strings(spec->env);
    json_t *body = argv && env ? json_pack("{s:s, s:s, s:b, s:b, s:b, s:O, s:O}",
                                           "User",
                                           spec->user,
                                           "WorkingDir",
                                           folder,
                                           "AttachStdin",
                                           spec->input,
                                           "AttachStdout",
                                           1,
                                           "AttachStderr",
                                           1,
                                           "Cmd",
                                           argv,
                                           "Env",
                                           env)
                               : NULL;
    json_decref(argv);
    json_decref(env);
    return body;
}

static void program_close(struct enc_program *program) {
    if (!program)
        return;
    enc_timer_stop(program->box->host->base.loop, &program->look);
    enc_docker_cancel(program->call);
    enc_stream_close(program->stream);
    enc_buf_free(&program->early);
    free(program);
}

static struct enc_program *program_start(struct enc_sandbox *sandbox,
                                         const struct enc_program_spec *spec,
                                         const struct enc_program_events *events,
                                         void *data,
                                         struct enclave_error *err) {
    struct enc_box *box = sandbox->driver_state;
    struct enc_program *program = calloc(1, sizeof *program);
    if (!program) {
        enc_fail_nomem(err, "sandbox.run");
        return NULL;
    }
    *program = (struct enc_program){
        .box = box, .events = events, .data = data, .input = spec->input, .code = -1};
    json_t *body = body_of(spec, spec->cwd ? spec->cwd : sandbox->config->working_dir);
    if (!body)
        enc_fail(err,
                 ENCLAVE_INVALID,
                 "sandbox.run",
                 "arguments, variables and paths must be UTF-8 without NUL on the exec channel");
    else
        program->call = enc_docker_exec_create(
            box->host->docker, box->id, body, answer(program, on_created), err);
    json_decref(body);
    if (program->call)
        return program;
    program_close(program);
    return NULL;
}

static void program_write(struct enc_program *program, const void *bytes, size_t len) {
    if (!program->input || program->input_ended)
        return;
    if (program->stream)
        enc_stream_write(program->stream, bytes, len);
    else if (!program->stream_ended && !enc_buf_append(&program->early, bytes, len)) {
        enc_fail_nomem(&program->trouble, "run.input");
        fail_later(program);
    }
}

static void program_write_end(struct enc_program *program) {
    if (!program->input || program->input_ended)
        return;
    program->input_ended = true;
    if (program->stream)
        enc_stream_end(program->stream);
}

static void program_pause(struct enc_program *program, bool paused) {
    program->paused = paused;
    if (program->stream && !program->stream_ended)
        enc_stream_pause(program->stream, paused);
}

static void program_cut(struct enc_program *program) {
    enc_stream_close(program->stream);
    program->stream = NULL;
    program->stream_ended = true;
    look_in(program, 0);
}

const struct enc_programs enc_docker_programs = {
    .start = program_start,
    .write = program_write,
    .write_end = program_write_end,
    .pause = program_pause,
    .cut = program_cut,
    .close = program_close,
};
