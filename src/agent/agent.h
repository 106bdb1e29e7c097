/* agent.h - what the parts of the agent share: its connection, the settings that CONFIG
 * brought, the runs and transfers under way. One of each per process; passed down, never
 * global. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <time.h>

#include "conn.h"
#include "counters.h"
#include "list.h"
#include "loop.h"
#include "own.h"
#include "spawn.h"
#include "tree.h"

#define WARM_NAMES_MAX 16

struct place {
    char *path;
    bool found; /* it existed; mode, owner and times are put back by a reset */
    uint64_t device;
    unsigned mode;
    uid_t uid;
    gid_t gid;
    struct timespec changed;
    /* It was empty and as it was found when it had last been touched at this time; zero: not
     * known. What is made in a folder, or done to it, moves that time on. */
    struct timespec clean_since;
    uint64_t inode;
};

struct agent {
    struct loop *loop;
    struct conn conn;
    int null_fd;       /* /dev/null, for reading and writing; no run has it */
    bool left_running; /* a run ended whose children were to go on */
    bool configured;

    char *work_folder;
    struct identity identity; /* of runs */
    char **env;               /* NULL-terminated: the container's and the configured */
    struct place *places;
    unsigned place_count;
    struct walk *walk; /* empty.c's, once it was needed */

    struct enc_list runs;      /* struct run */
    struct enc_list transfers; /* struct transfer */
    struct tree tree;
    struct counters counters;
    int user_namespace;      /* of runs; 0: the container's */
    struct own own;          /* as it was before the first run */
    struct service *service; /* NULL: none */
    struct warm *warm;       /* NULL: nothing is kept warm */
    uint64_t warm_since;
    struct loop_timer warm_late;
    bool shares_network;            /* with others, as far as it can be seen, or with the service */
    bool told_ready, root_ran;      /* root_ran: something had the agent's own user, or was written
                                       as that */
    const char *up[WARM_NAMES_MAX]; /* interpreters that came up */
    unsigned up_count;
    struct reset *reset; /* NULL: none is under way */

    uint8_t piece[ENC_WIRE_HEADER + ENC_WIRE_DATA_MAX]; /* what is being relayed */
};

/* settings.c: takes a CONFIG frame; false with a reason (a literal). */
bool settings_take(struct agent *agent, const struct enc_wire_frame *frame, const char **reason);

/* The complete environment of a run: a new NULL-terminated array; its strings belong to
 * the agent or to the frame. PATH and HOME are always set. NULL: no memory. */
const char **settings_env(const struct agent *agent, const struct enc_wire_frame *frame);

/* All fields with this tag as a NULL-terminated array; freed by the caller. */
const char **settings_texts(const struct enc_wire_frame *frame, enum enc_wire_tag tag);

/* agent.c: begins to talk. -1: errno. */
int agent_open(struct agent *agent, const char *socket_path);
/* What to do with a frame. */
void agent_frame(struct agent *agent, const struct enc_wire_frame *frame);
/* The connection has room again: go on with what waited for it. */
void agent_room(struct agent *agent);

#endif
