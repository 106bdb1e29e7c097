/* Programs in a sandbox by its agent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

struct agent_run {
    struct enc_wire_writer request; /* the RUN frame, until it is sent; bytes NULL then */
    struct enc_agent_put code;      /* code that is too long for the frame goes before it */
    char *code_bytes;
    bool waits_for_code, killed;
    struct enc_buf input; /* from input_at: not sent yet */
    size_t input_at, on_the_way;
    bool input_ends, input_ended;
};

static struct enc_agent *agent_of(const struct enc_run *run) {
    return run->sandbox->channel_state;
}

/* ---- the request ---------------------------------------------------------------- */

static uint64_t least(uint64_t a, uint64_t b) {
    return !a ? b : !b ? a : a < b ? a : b;
}

static void put_limits(struct enc_wire_writer *writer,
                       const struct enc_limits *a,
                       const struct enc_limits *b) {
    const struct {
        enum enc_wire_tag tag;
        uint64_t value;
    } limits[] = {
        {ENC_WIRE_TAG_CPU_SECONDS, least(a->cpu_seconds, b->cpu_seconds)},
        {ENC_WIRE_TAG_MEMORY_BYTES, least(a->memory_bytes, b->memory_bytes)},
        {ENC_WIRE_TAG_FILE_BYTES, least(a->file_bytes, b->file_bytes)},
        {ENC_WIRE_TAG_OPEN_FILES, least(a->open_files, b->open_files)},
        {ENC_WIRE_TAG_PROCESSES, least(a->processes, b->processes)},
        {ENC_WIRE_TAG_STACK_BYTES, least(a->stack_bytes, b->stack_bytes)},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i].value)
            enc_wire_put_number(writer, limits[i].tag, limits[i].value);
    }
}

static void put_run(struct enc_wire_writer *writer,
                    const struct enc_run *run,
                    const struct enc_run_spec *spec) {
    const struct enc_config *config = run->sandbox->config;
    size_t inlined = spec->stdin_len < ENC_WIRE_INLINE_MAX ? spec->stdin_len : ENC_WIRE_INLINE_MAX;
    for (const char *const *arg = spec->argv; *arg; arg++)
        enc_wire_put_text(writer, ENC_WIRE_TAG_ARG, *arg);
    for (const char *const *pair = spec->env; pair && *pair; pair++)
        enc_wire_put_text(writer, ENC_WIRE_TAG_ENV, *pair);
    if (spec->warm)
        enc_wire_put_text(writer, ENC_WIRE_TAG_WARM, spec->warm);
    if (spec->cwd)
        enc_wire_put_text(writer, ENC_WIRE_TAG_FOLDER_PATH, spec->cwd);
    if (spec->user)
        enc_wire_put_text(writer, ENC_WIRE_TAG_USER, spec->user);
    if (spec->code && spec->code_path && spec->code_len <= ENC_WIRE_INLINE_MAX) {
        enc_wire_put_text(writer, ENC_WIRE_TAG_CODE_PATH, spec->code_path);
        enc_wire_put_bytes(writer, ENC_WIRE_TAG_CODE, spec->code, spec->code_len);
    }
    if (inlined)
        enc_wire_put_bytes(writer, ENC_WIRE_TAG_STDIN, spec->stdin_data, inlined);
    if (spec->stdin_open || spec->stdin_len > inlined)
        enc_wire_put_number(writer, ENC_WIRE_TAG_STDIN_OPEN, 1);
    /* Who takes the output as it comes wants all of it. */
    enc_wire_put_number(
        writer, ENC_WIRE_TAG_MAX_OUTPUT, run->events->on_output ? 0 : run->max_output);
    enc_wire_put_number(writer, ENC_WIRE_TAG_KEEP_CHILDREN, config->reuse == ENC_REUSE_KEEP);
    put_limits(writer, &config->limits, &spec->limits);
}

static void send_input(struct enc_run *run);

static void send_request(struct enc_run *run) {
    struct agent_run *state = run->channel_state;
    enc_wire_put_number(&state->request, ENC_WIRE_TAG_TIMEOUT, enc_deadline_left(run->deadline));
    enc_agent_end(agent_of(run), &state->request);
    state->request.bytes = NULL;
    send_input(run);
}

static int make_request(struct enc_run *run,
                        const struct enc_run_spec *spec,
                        struct enclave_error *err) {
    struct agent_run *state = run->channel_state;
    struct enc_wire_writer *writer = &state->request;
    enc_wire_begin(writer, NULL, 0, ENC_WIRE_RUN, run->id);
    put_run(writer, run, spec);
    size_t room = writer->len + ENC_WIRE_FIELD + 8; /* the timeout, when it is sent */
    if (room - ENC_WIRE_HEADER > ENC_WIRE_REQUEST_MAX)
        return enc_fail(err,
                        ENCLAVE_INVALID,
                        "sandbox.run",
                        "the arguments and the environment have more than 2 MiB");
    if (!enc_agent_begin(writer, room, ENC_WIRE_RUN, run->id))
        return enc_fail_nomem(err, "sandbox.run");
    put_run(writer, run, spec);
    if (spec->stdin_len > ENC_WIRE_INLINE_MAX &&
        !enc_buf_append(&state->input,
                        (const char *)spec->stdin_data + ENC_WIRE_INLINE_MAX,
                        spec->stdin_len - ENC_WIRE_INLINE_MAX))
        return enc_fail_nomem(err, "sandbox.run");
    state->input_ends = !spec->stdin_open;
    state->input_ended = !spec->stdin_open && spec->stdin_len <= ENC_WIRE_INLINE_MAX;
    return 0;
}

static int put_code(struct enc_run *run,
                    const struct enc_run_spec *spec,
                    struct enclave_error *err) {
    struct agent_run *state = run->channel_state;
    if (!(state->code_bytes = malloc(spec->code_len)))
        return enc_fail_nomem(err, "sandbox.run");
    memcpy(state->code_bytes, spec->code, spec->code_len);
    state->waits_for_code = true;
    state->code.id = run->id;
    state->code.bytes = state->code_bytes;
    state->code.len = spec->code_len;
    if (enc_agent_put_start(agent_of(run), &state->code, spec->code_path, 0644) < 0)
        return enc_fail_nomem(err, "sandbox.run");
    return 0;
}

int enc_agent_run(struct enc_run *run, const struct enc_run_spec *spec, struct enclave_error *err) {
    struct enc_agent *agent = agent_of(run);
    if (!agent || agent->broken)
        return enc_fail(err, ENCLAVE_LOST, "sandbox.run", "the sandbox is lost");
    struct agent_run *state = calloc(1, sizeof *state);
    if (!state)
        return enc_fail_nomem(err, "sandbox.run");
    enc_list_init(&state->code.in_agent);
    run->channel_state = state;
    bool code_first = spec->code && spec->code_path && spec->code_len > ENC_WIRE_INLINE_MAX;
    if (make_request(run, spec, err) < 0 || (code_first && put_code(run, spec, err) < 0)) {
        enc_agent_run_end(run);
        return -1;
    }
    if (!code_first)
        send_request(run);
    return 0;
}

bool enc_agent_run_code_done(struct enc_run *run, const struct enc_wire_frame *frame) {
    struct agent_run *state = run->channel_state;
    uint64_t failure = enc_wire_number(frame, ENC_WIRE_TAG_FAILURE, ENC_WIRE_OK);
    char text[300];
    if (!state->waits_for_code)
        return false;
    state->waits_for_code = false;
    enc_list_remove(&state->code.in_agent);
    free(ENC_STEAL(state->code_bytes));
    if (state->killed) {
        run->result.status = ENC_RUN_SIGNALED;
        run->result.term_signal = 9;
        enc_run_finish(run);
    } else if (failure != ENC_WIRE_OK) {
        snprintf(text,
                 sizeof text,
                 "cannot write its code: %.200s\n",
                 enc_wire_text(frame, ENC_WIRE_TAG_TEXT, "it failed"));
        run->result.status = ENC_RUN_EXITED;
        run->result.exit_code = 126;
        run->result.limit = failure == ENC_WIRE_EXHAUSTED ? "disk" : NULL;
        enc_run_feed(run, ENC_STDERR, text, strlen(text));
        enc_run_finish(run);
    } else {
        send_request(run);
    }
    return true;
}

/* ---- its input ------------------------------------------------------------------ */

/* As much as the window allows. */
static void send_input(struct enc_run *run) {
    struct agent_run *state = run->channel_state;
    struct enc_agent *agent = agent_of(run);
    if (state->request.bytes || state->input_ended)
        return;
    while (state->input_at < state->input.len && state->on_the_way < ENC_WIRE_WINDOW) {
        size_t len = state->input.len - state->input_at;
        len = len < ENC_WIRE_DATA_MAX ? len : ENC_WIRE_DATA_MAX;
        len = len < ENC_WIRE_WINDOW - state->on_the_way ? len : ENC_WIRE_WINDOW - state->on_the_way;
        enc_agent_send(agent, ENC_WIRE_INPUT, run->id, state->input.data + state->input_at, len);
        state->input_at += len;
        state->on_the_way += len;
    }
    if (state->input_at == state->input.len) {
        enc_buf_free(&state->input);
        state->input_at = 0;
        if (state->input_ends) {
            state->input_ended = true;
            enc_agent_send(agent, ENC_WIRE_INPUT_END, run->id, NULL, 0);
        }
    }
}

void enc_agent_run_input(struct enc_run *run, const void *bytes, size_t len) {
    struct agent_run *state = run->channel_state;
    if (state->input_at > ENC_WIRE_WINDOW) {
        enc_buf_consume(&state->input, state->input_at);
        state->input_at = 0;
    }
    if (enc_buf_append(&state->input, bytes, len))
        send_input(run);
    else
        enc_agent_broke(agent_of(run), "there is no memory for a program's input");
}

void enc_agent_run_input_end(struct enc_run *run) {
    struct agent_run *state = run->channel_state;
    state->input_ends = true;
    send_input(run);
}

/* ---- its life ------------------------------------------------------------------- */

void enc_agent_run_pause(struct enc_run *run, bool paused) {
    struct agent_run *state = run->channel_state;
    if (!state->request.bytes)
        enc_agent_send(agent_of(run), paused ? ENC_WIRE_PAUSE : ENC_WIRE_RESUME, run->id, NULL, 0);
}

void enc_agent_run_kill(struct enc_run *run) {
    struct agent_run *state = run->channel_state;
    if (!state->killed)
        enc_agent_send(agent_of(run), ENC_WIRE_STOP, run->id, NULL, 0);
    state->killed = true;
    enc_list_remove(&state->code.in_agent);
}

void enc_agent_run_end(struct enc_run *run) {
    struct agent_run *state = ENC_STEAL(run->channel_state);
    if (!state)
        return;
    enc_list_remove(&state->code.in_agent);
    enc_buf_free(&state->input);
    free(state->request.bytes);
    free(state->code_bytes);
    free(state);
}

static const char *limit_name(uint64_t limit) {
    switch (limit) {
#define X(constant, number, name)                                                                  \
    case ENC_WIRE_LIMIT_##constant:                                                                \
        return name;
        ENC_WIRE_LIMITS(X)
#undef X
    default:
        return NULL;
    }
}

/* What the agent left out of the middle. */
static void set_total(struct enc_run_output *output, uint64_t total) {
    if (total <= output->total)
        return;
    if (!output->truncated) {
        output->truncated = true;
        output->cut = output->bytes.len;
    }
    output->total = total;
}

static bool on_exit_frame(struct enc_run *run, const struct enc_wire_frame *frame) {
    struct enc_run_result *result = &run->result;
    uint64_t code = enc_wire_number(frame, ENC_WIRE_TAG_EXIT_CODE, UINT64_MAX);
    uint64_t signal = enc_wire_number(frame, ENC_WIRE_TAG_SIGNAL, 0);
    if (signal > 127 || (signal == 0 && code > 255))
        return false;
    result->status = signal ? ENC_RUN_SIGNALED : ENC_RUN_EXITED;
    if (enc_wire_number(frame, ENC_WIRE_TAG_TIMED_OUT, 0))
        result->status = ENC_RUN_TIMEOUT;
    result->exit_code = signal ? -1 : (int)code;
    result->term_signal = (int)signal;
    result->limit = limit_name(enc_wire_number(frame, ENC_WIRE_TAG_LIMIT, 0));
    result->isolation =
        enc_wire_number(frame, ENC_WIRE_TAG_ISOLATION, 0) == ENC_WIRE_ISOLATION_NAMESPACES
            ? "namespaces"
            : "reset";
    result->warm = enc_wire_number(frame, ENC_WIRE_TAG_WAS_WARM, 0) != 0;
    result->oom_killed = enc_wire_number(frame, ENC_WIRE_TAG_OOM_KILLED, 0) != 0;
    result->wall_ns = enc_wire_number(frame, ENC_WIRE_TAG_WALL, 0);
    result->user_ns = enc_wire_number(frame, ENC_WIRE_TAG_USER_TIME, 0);
    result->system_ns = enc_wire_number(frame, ENC_WIRE_TAG_SYSTEM_TIME, 0);
    result->peak_memory = enc_wire_number(frame, ENC_WIRE_TAG_PEAK_MEMORY, 0);
    set_total(&result->out, enc_wire_number(frame, ENC_WIRE_TAG_OUTPUT_TOTAL, 0));
    set_total(&result->err, enc_wire_number(frame, ENC_WIRE_TAG_ERRORS_TOTAL, 0));
    enc_run_finish(run);
    return true;
}

bool enc_agent_run_frame(struct enc_agent *agent, const struct enc_wire_frame *frame) {
    struct enc_run *run = enc_sandbox_find_run(agent->sandbox, frame->id);
    struct agent_run *state = run ? run->channel_state : NULL;
    if (!state || state->request.bytes) /* none, or not begun */
        return false;
    uint64_t taken;
    switch (frame->type) {
    case ENC_WIRE_OUTPUT:
        enc_run_feed(run, ENC_STDOUT, (const char *)frame->body, frame->len);
        return true;
    case ENC_WIRE_ERRORS:
        enc_run_feed(run, ENC_STDERR, (const char *)frame->body, frame->len);
        return true;
    case ENC_WIRE_CREDIT:
        taken = enc_wire_number(frame, ENC_WIRE_TAG_BYTE_COUNT, 0);
        if (taken > state->on_the_way)
            return false;
        state->on_the_way -= (size_t)taken;
        send_input(run);
        return true;
    case ENC_WIRE_EXIT:
        return on_exit_frame(run, frame);
    default:
        return false;
    }
}
