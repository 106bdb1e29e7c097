/* channel.h - how to talk to one sandbox: one constant vtable. Channels know no
 * driver: they are given a way to exchange bytes, or a way to start programs. */
#ifndef ENC_CHANNEL_H
#define ENC_CHANNEL_H

#include "run.h"

struct enc_sandbox;
struct enc_transfer;

struct enc_channel {
    const char *name; /* "agent" */

    /* Starts the program of a new run. Feeds enc_run_feed and ends with
     * enc_run_finish or enc_run_fail, never before it returned. -1: it did not
     * start, nothing will follow. */
    int (*run)(struct enc_run *run, const struct enc_run_spec *spec, struct enclave_error *err);
    void (*run_input)(struct enc_run *run, const void *bytes, size_t len);
    void (*run_input_end)(struct enc_run *run);
    void (*run_pause)(struct enc_run *run, bool paused);
    /* Kill the whole tree; the run ends soon after in the usual way. */
    void (*run_kill)(struct enc_run *run);
    /* The run is over for the engine: free run->channel_state, expect nothing. */
    void (*run_end)(struct enc_run *run);

    /* Start a transfer or a reset; end with enc_transfer_done / enc_sandbox_was_reset. */
    int (*transfer)(struct enc_transfer *transfer, struct enclave_error *err);
    void (*transfer_end)(struct enc_transfer *transfer);
    int (*reset)(struct enc_sandbox *sandbox, struct enclave_error *err);

    /* Frees sandbox->channel_state; all runs and transfers have ended. Called once, from
     * the loop, just before the driver's destroy (also when it comes during create, if
     * sandbox->channel is set by then; the state may be NULL). */
    void (*close)(struct enc_sandbox *sandbox);
};

#endif
