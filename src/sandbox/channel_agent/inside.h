/* inside.h - what the files of the agent channel share. Private to them. */
#ifndef ENC_CHANNEL_AGENT_INSIDE_H
#define ENC_CHANNEL_AGENT_INSIDE_H

#include "channel_agent.h"
#include "cleanup.h"
#include "wire.h"

/* Data for the agent is queued up to here, so that a request never waits for long. */
#define ENC_AGENT_QUEUE (256u * 1024)

struct enc_agent {
    struct enc_sandbox *sandbox;
    const struct enc_agent_transport *transport;
    void *data;
    struct enc_wire_peer peer;
    struct enc_buf got;   /* the beginning of a frame */
    struct enc_list puts; /* enc_agent_put in sending */
    struct enc_list away; /* enc_agent_away: ids that the agent still has to be done with */
    struct enc_timer ping;
    uint64_t heard_ns; /* when it said something last */
    bool pinged, configured, broken, resetting;
    unsigned lines;   /* that it had logged */
    uint32_t done_id; /* the transfer whose DONE is being told; 0: none */
};

/* Bytes on their way into a file. */
struct enc_agent_put {
    struct enc_list in_agent; /* in none when it is sent */
    uint32_t id;
    const char *bytes;
    size_t len, sent;
};

/* A transfer that nobody waits for any more, until its DONE. */
struct enc_agent_away {
    struct enc_list in_agent;
    uint32_t id;
};

/* The agent broke the rules: its sandbox is lost. */
__attribute__((format(printf, 2, 3))) void enc_agent_broke(struct enc_agent *agent,
                                                           const char *format,
                                                           ...);

void enc_agent_send(
    struct enc_agent *agent, enum enc_wire_type type, uint32_t id, const void *body, size_t len);
/* An allocated frame of at most room bytes; NULL: no memory. */
void *enc_agent_begin(struct enc_wire_writer *writer,
                      size_t room,
                      enum enc_wire_type type,
                      uint32_t id);
/* Sends and frees it. */
void enc_agent_end(struct enc_agent *agent, struct enc_wire_writer *writer);

/* files.c */
/* Begins to put bytes, which are borrowed until its DONE. -1: no memory. */
int enc_agent_put_start(struct enc_agent *agent,
                        struct enc_agent_put *put,
                        const char *path,
                        unsigned mode);
void enc_agent_put_more(struct enc_agent *agent);
int enc_agent_transfer(struct enc_transfer *transfer, struct enclave_error *err);
void enc_agent_transfer_end(struct enc_transfer *transfer);
/* DONE and FILE. False: nobody has asked. */
bool enc_agent_done(struct enc_agent *agent, const struct enc_wire_frame *frame);
bool enc_agent_file(struct enc_agent *agent, const struct enc_wire_frame *frame);

/* run.c */
int enc_agent_run(struct enc_run *run, const struct enc_run_spec *spec, struct enclave_error *err);
void enc_agent_run_input(struct enc_run *run, const void *bytes, size_t len);
void enc_agent_run_input_end(struct enc_run *run);
void enc_agent_run_pause(struct enc_run *run, bool paused);
void enc_agent_run_kill(struct enc_run *run);
void enc_agent_run_end(struct enc_run *run);
/* DONE of its code. False: none was due. */
bool enc_agent_run_code_done(struct enc_run *run, const struct enc_wire_frame *frame);
/* OUTPUT, ERRORS, CREDIT, EXIT. False: there is no such run, or not such a frame now. */
bool enc_agent_run_frame(struct enc_agent *agent, const struct enc_wire_frame *frame);

#endif
