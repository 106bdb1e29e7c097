#include "service.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct service {
    struct agent *agent;
    struct loop_child child;
    pid_t pid;
};

static void tell(struct agent *agent, int code, int term, const char *text) {
    uint8_t bytes[512];
    struct enc_wire_writer writer;
    enc_wire_begin(&writer, bytes, sizeof bytes, ENC_WIRE_SERVICE, 0);
    if (term != 0)
        enc_wire_put_number(&writer, ENC_WIRE_TAG_SIGNAL, (uint64_t)term);
    else
        enc_wire_put_number(&writer, ENC_WIRE_TAG_EXIT_CODE, (uint64_t)code);
    if (text)
        enc_wire_put_text(&writer, ENC_WIRE_TAG_TEXT, text);
    conn_send_fields(&agent->conn, &writer);
}

static void on_end(struct loop_child *child, int status, const struct rusage *usage) {
    struct service *service = ENC_CONTAINER_OF(child, struct service, child);
    struct agent *agent = service->agent;
    (void)usage;
    tree_forget(&agent->tree, service->pid);
    tell(agent,
         WIFEXITED(status) ? WEXITSTATUS(status) : 0,
         WIFSIGNALED(status) ? WTERMSIG(status) : 0,
         NULL);
    agent->service = NULL;
    free(service);
}

void service_start(struct agent *agent, const struct enc_wire_frame *frame) {
    const char **argv = settings_texts(frame, ENC_WIRE_TAG_ARG);
    struct service *service = calloc(1, sizeof *service);
    struct spawn_error error = {SPAWN_OK, 0, false};
    struct spawn spec = {
        .argv = argv,
        .env = (const char *const *)agent->env,
        .cwd = agent->work_folder,
        .identity = &agent->identity,
        .in = agent->null_fd,
        .out = agent->null_fd,
        .err = agent->null_fd,
        .foreground = true, /* runs are to go before it when memory is short */
    };
    if (argv && service && argv[0]) {
        service->pid = spawn_program(&spec, &error);
        if (service->pid > 0) {
            service->agent = agent;
            service->child.ended = on_end;
            tree_keep(&agent->tree, service->pid);
            loop_child_watch(agent->loop, &service->child, service->pid);
            agent->service = service;
            service = NULL;
        } else {
            tell(agent, error.step == SPAWN_EXEC ? 127 : 126, 0, strerror(error.error));
        }
    }
    free(service);
    free(argv);
}
