/* From a RUN frame to a process. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "run.h"
#include "warm/warm.h"

/* What to run, and the descriptors until they have an owner. */
struct plan {
    const char **argv, **env;
    const char *cwd, *warm;
    int child_in, child_out, child_err; /* the program's ends */
    int in, out, err;                   /* the agent's */
};

static void close_end(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void plan_free(struct plan *plan) {
    free(plan->argv);
    free(plan->env);
    plan->argv = plan->env = NULL;
    close_end(&plan->child_in);
    close_end(&plan->child_out);
    close_end(&plan->child_err);
    close_end(&plan->in);
    close_end(&plan->out);
    close_end(&plan->err);
}

static int open_pipe(const struct run *run, int *agents, int *childs, bool agent_reads) {
    int ends[2];
    if (spawn_pipe(ends, agent_reads, &run->identity) < 0)
        return -1;
    *agents = ends[agent_reads ? 0 : 1];
    *childs = ends[agent_reads ? 1 : 0];
    return 0;
}

/* /dev/null, opened anew: the flags and locks of one that runs share would outlive them. By way of
 * the agent's own, as what has that name may have been changed. */
static int open_null(const struct agent *agent) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", agent->null_fd);
    return open(path, O_RDWR | O_CLOEXEC);
}

static int open_pipes(const struct run *run, struct plan *plan, bool has_input) {
    if (has_input) {
        if (open_pipe(run, &plan->in, &plan->child_in, false) < 0)
            return -1;
    } else {
        plan->child_in = open_null(run->agent);
        if (plan->child_in < 0)
            return -1;
    }
    if (open_pipe(run, &plan->out, &plan->child_out, true) < 0 ||
        open_pipe(run, &plan->err, &plan->child_err, true) < 0)
        return -1;
    return 0;
}

static void read_limits(struct spawn_limits *limits, const struct enc_wire_frame *frame) {
    *limits = (struct spawn_limits){
        .cpu_seconds = enc_wire_number(frame, ENC_WIRE_TAG_CPU_SECONDS, 0),
        .memory_bytes = enc_wire_number(frame, ENC_WIRE_TAG_MEMORY_BYTES, 0),
        .file_bytes = enc_wire_number(frame, ENC_WIRE_TAG_FILE_BYTES, 0),
        .open_files = enc_wire_number(frame, ENC_WIRE_TAG_OPEN_FILES, 0),
        .processes = enc_wire_number(frame, ENC_WIRE_TAG_PROCESSES, 0),
        .stack_bytes = enc_wire_number(frame, ENC_WIRE_TAG_STACK_BYTES, 0),
    };
}

static void refuse_spawn(struct run *run, const struct plan *plan, struct spawn_error error) {
    const char *why = strerror(error.error);
    switch (error.step) {
    case SPAWN_FOLDER:
        run_refuse(run, 126, error.error, "cannot enter folder %s: %s", plan->cwd, why);
        break;
    case SPAWN_EXEC:
        run_refuse(run,
                   error.error == ENOENT ? 127 : 126,
                   error.error,
                   "cannot execute %s: %s",
                   plan->argv[0],
                   why);
        break;
    default:
        run_refuse(run, 126, error.error, "cannot start %s: %s", plan->argv[0], why);
    }
}

/* The process is there: the streams pass from the plan to the run. */
static void begin(struct run *run,
                  struct plan *plan,
                  pid_t pid,
                  const struct enc_wire_frame *frame) {
    struct enc_wire_field input = {0};
    int in = plan->in, out = plan->out, err = plan->err;
    bool more = enc_wire_number(frame, ENC_WIRE_TAG_STDIN_OPEN, 0) != 0;
    enc_wire_find(frame, ENC_WIRE_TAG_STDIN, &input);
    plan->in = plan->out = plan->err = -1;
    run_started(run, pid);
    plan_free(plan); /* so that the program alone holds its ends */
    output_open(&run->out, out);
    output_open(&run->err, err);
    if (in >= 0)
        input_open(&run->in, in, input.text, input.len, more);
}

static void execute(struct run *run, struct plan *plan, const struct enc_wire_frame *frame) {
    struct agent *agent = run->agent;
    struct spawn_error error = {SPAWN_OK, 0, false};
    struct spawn spec = {
        .argv = plan->argv,
        .env = plan->env,
        .cwd = plan->cwd,
        .identity = &run->identity,
        .limits = run->limits,
        .user_namespace = agent->user_namespace,
        .in = plan->child_in,
        .out = plan->child_out,
        .err = plan->child_err,
    };
    pid_t pid = 0;
    run->started = enc_now();
    if (plan->warm && agent->warm)
        pid = warm_spawn(agent->warm, plan->warm, &spec, &error);
    run->warm = pid > 0;
    if (pid == 0)
        pid = spawn_program(&spec, &error);
    run->apart = error.apart;
    if (pid < 0)
        refuse_spawn(run, plan, error);
    else
        begin(run, plan, pid, frame);
}

/* True: everything is there that is needed to start. False: it was refused. */
static bool make_plan(struct run *run, struct plan *plan, const struct enc_wire_frame *frame) {
    const char *user = enc_wire_text(frame, ENC_WIRE_TAG_USER, NULL);
    const char *code_path = enc_wire_text(frame, ENC_WIRE_TAG_CODE_PATH, NULL);
    struct enc_wire_field code;
    plan->argv = settings_texts(frame, ENC_WIRE_TAG_ARG);
    plan->env = settings_env(run->agent, frame);
    plan->cwd = enc_wire_text(frame, ENC_WIRE_TAG_FOLDER_PATH, run->agent->work_folder);
    plan->warm = enc_wire_text(frame, ENC_WIRE_TAG_WARM, NULL);
    if (!plan->argv || !plan->env) {
        run_refuse(run, 126, ENOMEM, "cannot start it: %s", strerror(ENOMEM));
        return false;
    }
    if (user && identity_parse(&run->identity, user) < 0) {
        run_refuse(run, 126, EINVAL, "cannot run as %s: there is no such user", user);
        return false;
    }
    if (code_path && enc_wire_find(frame, ENC_WIRE_TAG_CODE, &code) &&
        files_write(run->agent, &run->identity, code_path, 0644, code.text, code.len) < 0) {
        int error = errno;
        run_refuse(run, 126, error, "cannot write %s: %s", code_path, strerror(error));
        return false;
    }
    bool has_input = enc_wire_find(frame, ENC_WIRE_TAG_STDIN, &code) ||
                     enc_wire_number(frame, ENC_WIRE_TAG_STDIN_OPEN, 0) != 0;
    if (open_pipes(run, plan, has_input) < 0) {
        int error = errno;
        run_refuse(run, 126, error, "cannot make its pipes: %s", strerror(error));
        return false;
    }
    return true;
}

static struct run *new_run(struct agent *agent, const struct enc_wire_frame *frame) {
    uint64_t max = enc_wire_number(frame, ENC_WIRE_TAG_MAX_OUTPUT, 0);
    struct run *run = calloc(1, sizeof *run);
    if (!run)
        return NULL;
    run->agent = agent;
    run->id = frame->id;
    run->identity = agent->identity;
    bool keep = enc_wire_number(frame, ENC_WIRE_TAG_KEEP_CHILDREN, 0) != 0;
    run->keep_children = keep;
    run->in = (struct input){
        .agent = agent,
        .id = run->id,
        .pipe.fd = -1,
        .more = enc_wire_number(frame, ENC_WIRE_TAG_STDIN_OPEN, 0) != 0,
    };
    run->out = (struct output){.agent = agent, .id = run->id, .max = max, .goes_on = keep};
    run->err = run->out;
    run->out.type = ENC_WIRE_OUTPUT;
    run->err.type = ENC_WIRE_ERRORS;
    run->out.pipe.fd = run->err.pipe.fd = -1;
    run->before = counters_read(&agent->counters);
    read_limits(&run->limits, frame);
    run_prepare(run, enc_deadline_in(enc_wire_number(frame, ENC_WIRE_TAG_TIMEOUT, ENC_NEVER)));
    enc_list_push_back(&agent->runs, &run->in_agent);
    return run;
}

bool run_start(struct agent *agent, const struct enc_wire_frame *frame) {
    struct plan plan = {
        .child_in = -1, .child_out = -1, .child_err = -1, .in = -1, .out = -1, .err = -1};
    struct enc_wire_field program;
    if (!enc_wire_find(frame, ENC_WIRE_TAG_ARG, &program))
        return false;
    struct run *run = new_run(agent, frame);
    if (!run)
        return false;
    if (make_plan(run, &plan, frame)) {
        agent->root_ran = agent->root_ran || run->identity.uid == 0;
        execute(run, &plan, frame);
    }
    plan_free(&plan);
    return true;
}
