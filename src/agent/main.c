/* The agent: the first process inside every sandbox. It must be PID 1, so that nothing
 * inside can kill it and everything ends with it.
 *
 *   agent [socket]    a unix socket in a mounted folder; else standard input and output */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"

static int fail(const char *what) {
    dprintf(2, "agent: %s: %s\n", what, strerror(errno));
    return 1;
}

/* Everything that a program inside could otherwise get at or would inherit. */
static int prepare(struct agent *agent) {
    sigset_t all;
    for (int each = 1; each < NSIG; each++) /* what the parent ignored, too */
        signal(each, SIG_DFL);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    umask(022);
    spawn_prepare();
    if (chdir("/") < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    do /* 0, 1 and 2 are taken, whatever was given */
        agent->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (agent->null_fd >= 0 && agent->null_fd < 3);
    return agent->null_fd < 0 ? -1 : 0;
}

int main(int argc, char **argv) {
    if (getpid() != 1) {
        dprintf(2, "agent: it must be the first process of a container\n");
        return 1;
    }
    struct agent *agent = calloc(1, sizeof *agent);
    if (!agent || prepare(agent) < 0)
        return fail("cannot start");
    if (agent_open(agent, argc > 1 ? argv[1] : NULL) < 0)
        return fail("cannot talk to the engine");
    int status = loop_run(agent->loop);
    /* The kernel ends every other process now, and the container with them. */
    return status < 0 ? fail("cannot wait") : status;
}
