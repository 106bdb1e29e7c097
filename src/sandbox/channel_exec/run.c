/* The exec channel: runs. The code is written by a script of its own, then the program is
 * started with a mark in its environment, by which a second one finds and kills all of
 * its tree that did not throw the mark away; a reset finds those too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "inside.h"
#include "scripts.h"

#define GRACE      (200 * ENC_NS_PER_MS) /* from the leader's end to the kill of the rest */
#define KILL_AGAIN (100 * ENC_NS_PER_MS)

struct exec_run {
    struct enc_run *run;
    struct enc_exec *exec;
    struct enc_script *code, *killer;
    struct enc_program *program;
    char **argv, **env;
    char *user;
    char mark[80]; /* "ENCLAVE_RUN=…" */
    struct enc_buf input;
    bool has_input, streamed, input_ended, paused; /* streamed: of unknown length */
    bool left, fed; /* the leader has ended; output came since the last look */
    bool timed_out, killed;
    struct enc_timer deadline, next;
};

static struct enc_loop *loop_of(struct exec_run *state) {
    return state->exec->sandbox->host->loop;
}

static void finish(struct exec_run *state, int code) {
    struct enc_run_result *result = &state->run->result;
    bool was_killed = state->killed && !state->left;
    result->isolation = "container";
    /* The shell's and Docker's convention for a program that a signal ended; up to SIGSYS. */
    bool by_signal = code > 128 && code <= 128 + 31;
    result->status = state->timed_out ? ENC_RUN_TIMEOUT
                     : by_signal      ? ENC_RUN_SIGNALED
                                      : ENC_RUN_EXITED;
    result->exit_code = by_signal || was_killed ? -1 : code;
    result->term_signal = by_signal ? code - 128 : was_killed ? 9 : 0;
    enc_run_finish(state->run); /* frees it all */
}

/* ---- killing -------------------------------------------------------------------- */

static void kill_tree(struct exec_run *state);

static void on_kill_again(struct enc_timer *timer) {
    kill_tree(ENC_CONTAINER_OF(timer, struct exec_run, next));
}

static void on_killer(void *data,
                      struct enc_script *script,
                      int code,
                      const struct enclave_error *err) {
    struct exec_run *state = data;
    (void)code;
    (void)err; /* the engine's own guard sees to what cannot be killed */
    enc_script_close(script);
    state->killer = NULL;
    if (state->left)
        return; /* what holds its output now is not in its tree: on_leftover cuts it */
    /* It may have been created and not be there yet. */
    state->next.fire = on_kill_again;
    enc_timer_start(loop_of(state), &state->next, enc_deadline_in(KILL_AGAIN));
}

static void kill_tree(struct exec_run *state) {
    const char *const arguments[] = {state->mark, NULL};
    if (!state->killer)
        state->killer = enc_script_start(
            state->exec, state->user, ENC_SCRIPT_KILL, arguments, NULL, 0, on_killer, state, NULL);
}

static void on_never_started(struct enc_timer *timer) {
    struct exec_run *state = ENC_CONTAINER_OF(timer, struct exec_run, next);
    finish(state, -1);
}

void enc_exec_run_kill(struct enc_run *run) {
    struct exec_run *state = run->channel_state;
    state->killed = true;
    if (state->program) {
        kill_tree(state);
        return;
    }
    enc_script_close(state->code);
    state->code = NULL;
    state->next.fire = on_never_started;
    enc_timer_start(loop_of(state), &state->next, 0);
}

static void on_deadline(struct enc_timer *timer) {
    struct exec_run *state = ENC_CONTAINER_OF(timer, struct exec_run, deadline);
    if (state->left)
        return;
    state->timed_out = true;
    enc_exec_run_kill(state->run);
}

/* The leader has ended and something still holds its output: first the rest of its tree
 * is killed, then the output is taken as it is. Not while its reader has paused it, and
 * not while there is still some coming. */
static void on_leftover(struct enc_timer *timer) {
    struct exec_run *state = ENC_CONTAINER_OF(timer, struct exec_run, next);
    bool wait = state->paused || state->fed || state->killer;
    state->fed = false;
    if (!wait && state->killed) {
        state->exec->programs->cut(state->program);
        return;
    }
    if (!wait) {
        state->killed = true;
        kill_tree(state);
    }
    enc_timer_start(loop_of(state), &state->next, enc_deadline_in(GRACE));
}

/* ---- the program ---------------------------------------------------------------- */

static bool on_output(void *data, enum enc_stream_id stream, const char *bytes, size_t len) {
    struct exec_run *state = data;
    state->fed = true;
    enc_run_feed(state->run, stream, bytes, len);
    return true;
}

static void on_exit_first(void *data) {
    struct exec_run *state = data;
    bool killing = state->killed;
    state->left = true;
    state->killed = killing;
    state->fed = false;
    state->next.fire = on_leftover;
    enc_timer_start(loop_of(state), &state->next, enc_deadline_in(GRACE));
}

static void on_end(void *data, int code, const struct enclave_error *err) {
    struct exec_run *state = data;
    if (err)
        enc_run_fail(state->run, err);
    else
        finish(state, code);
}

static const struct enc_program_events run_events = {on_output, on_exit_first, on_end};

static int start(struct exec_run *state, struct enclave_error *err) {
    const struct enc_programs *programs = state->exec->programs;
    struct enc_program_spec spec = {.argv = (const char *const *)state->argv,
                                    .env = (const char *const *)state->env,
                                    .cwd = "/", /* the script enters the folder */
                                    .user = state->user,
                                    .input = state->has_input};
    state->program = programs->start(state->exec->sandbox, &spec, &run_events, state, err);
    if (!state->program)
        return -1;
    programs->pause(state->program, state->paused);
    if (state->input.len)
        programs->write(state->program, state->input.data, state->input.len);
    enc_buf_free(&state->input);
    if (state->input_ended && state->streamed)
        programs->write_end(state->program);
    return 0;
}

static void on_code(void *data,
                    struct enc_script *script,
                    int code,
                    const struct enclave_error *failed) {
    struct exec_run *state = data;
    struct enclave_error err = {0};
    if (failed)
        err = *failed;
    else if (code)
        enc_script_error(script, code, "sandbox.run", "the program's file", &err);
    enc_script_close(script);
    state->code = NULL;
    if (err.code || start(state, &err))
        enc_run_fail(state->run, &err);
}

/* ---- beginning and end ---------------------------------------------------------- */

static uint64_t least(uint64_t a, uint64_t b) {
    return !a ? b : !b ? a : a < b ? a : b;
}

static void free_strings(char **list) {
    for (char **text = list; text && *text; text++)
        free(*text);
    free(list);
}

/* first, then second (may be NULL), copied. */
static char **joined(const char *const *first, const char *const *second) {
    size_t counts[2] = {0, 0}, at = 0;
    for (const char *const *text = first; text && *text; text++)
        counts[0]++;
    for (const char *const *text = second; text && *text; text++)
        counts[1]++;
    char **list = calloc(counts[0] + counts[1] + 1, sizeof *list);
    for (size_t i = 0; list && i < counts[0] + counts[1]; i++) {
        const char *text = i < counts[0] ? first[i] : second[i - counts[0]];
        if (!(list[at++] = strdup(text))) {
            free_strings(list);
            return NULL;
        }
    }
    return list;
}

static bool copy(struct exec_run *state, const struct enc_run_spec *spec) {
    const struct enc_sandbox *sandbox = state->exec->sandbox;
    const struct enc_limits *a = &sandbox->config->limits, *b = &spec->limits;
    const uint64_t limits[6] = {least(a->cpu_seconds, b->cpu_seconds),
                                least(a->memory_bytes, b->memory_bytes) / 1024,
                                least(a->file_bytes, b->file_bytes) / 512,
                                least(a->open_files, b->open_files),
                                least(a->processes, b->processes),
                                least(a->stack_bytes, b->stack_bytes) / 1024};
    char numbers[6][24];
    char size[24] = "-";
    ENC_AUTO_FREE char *cwd = enc_inside_path(sandbox, spec->cwd ? spec->cwd : "");
    ENC_AUTO_FREE char *folder = cwd ? enc_escape_b(cwd, strlen(cwd)) : NULL;
    const char *before[13] = {"/bin/sh", "-c", ENC_SCRIPT_RUN, "sh", folder};
    if (!folder)
        return false;
    for (size_t i = 0; i < 6; i++) {
        snprintf(numbers[i], sizeof numbers[i], "%llu", (unsigned long long)limits[i]);
        before[5 + i] = numbers[i];
    }
    if (spec->stdin_len && !spec->stdin_open)
        snprintf(size, sizeof size, "%zu", spec->stdin_len);
    before[11] = size;
    const char *const marks[] = {state->mark, NULL};
    /* The dot at the end keeps run 1 from being found in run 11. */
    snprintf(state->mark, sizeof state->mark, "ENCLAVE_RUN=%s.%u.", sandbox->id, state->run->id);
    state->argv = joined(before, spec->argv);
    state->env = joined(marks, spec->env);
    state->user = strdup(spec->user ? spec->user : sandbox->config->user);
    state->has_input = spec->stdin_len || spec->stdin_open;
    state->streamed = spec->stdin_open;
    state->input_ended = !spec->stdin_open;
    return state->argv && state->env && state->user &&
           enc_buf_append(&state->input, spec->stdin_data, spec->stdin_len);
}

static void exec_run_free(struct exec_run *state) {
    enc_timer_stop(loop_of(state), &state->deadline);
    enc_timer_stop(loop_of(state), &state->next);
    enc_script_close(state->code);
    enc_script_close(state->killer);
    state->exec->programs->close(state->program);
    free_strings(state->argv);
    free_strings(state->env);
    free(state->user);
    enc_buf_free(&state->input);
    free(state);
}

int enc_exec_run(struct enc_run *run, const struct enc_run_spec *spec, struct enclave_error *err) {
    struct enc_exec *exec = run->sandbox->channel_state;
    struct exec_run *state = calloc(1, sizeof *state);
    if (!state)
        return enc_fail_nomem(err, "sandbox.run");
    *state = (struct exec_run){.run = run, .exec = exec, .deadline.fire = on_deadline};
    run->channel_state = state;
    int rc = 0;
    if (!copy(state, spec) || enc_timer_start(loop_of(state), &state->deadline, run->deadline))
        rc = enc_fail_nomem(err, "sandbox.run");
    else if (!spec->code_path)
        rc = start(state, err);
    else if (!(state->code = enc_script_put(exec,
                                            state->user,
                                            spec->code_path,
                                            0644,
                                            spec->code,
                                            spec->code_len,
                                            on_code,
                                            state,
                                            err)))
        rc = -1;
    if (rc) {
        run->channel_state = NULL;
        exec_run_free(state);
    }
    return rc;
}

void enc_exec_run_input(struct enc_run *run, const void *bytes, size_t len) {
    struct exec_run *state = run->channel_state;
    if (state->program)
        state->exec->programs->write(state->program, bytes, len);
    else if (!enc_buf_append(&state->input, bytes, len))
        enc_exec_run_kill(run);
}

void enc_exec_run_input_end(struct enc_run *run) {
    struct exec_run *state = run->channel_state;
    state->input_ended = true;
    if (state->program)
        state->exec->programs->write_end(state->program);
}

void enc_exec_run_pause(struct enc_run *run, bool paused) {
    struct exec_run *state = run->channel_state;
    state->paused = paused;
    if (state->program)
        state->exec->programs->pause(state->program, paused);
}

void enc_exec_run_end(struct enc_run *run) {
    struct exec_run *state = run->channel_state;
    if (state)
        exec_run_free(state);
    run->channel_state = NULL;
}
