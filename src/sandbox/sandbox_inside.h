/* sandbox_inside.h - what sandbox.c, run.c and transfer.c share. Private to them. */
#ifndef ENC_SANDBOX_INSIDE_H
#define ENC_SANDBOX_INSIDE_H

#include "sandbox.h"

/* 0: up, alive, open and not being cleaned. */
int enc_sandbox_usable(const struct enc_sandbox *sandbox,
                       const char *op,
                       struct enclave_error *err);
uint32_t enc_sandbox_next_id(struct enc_sandbox *sandbox);
/* Its runs or transfers became more or fewer. */
void enc_sandbox_note_work(struct enc_sandbox *sandbox);
/* A run has left: a reset may have waited for that. */
void enc_sandbox_quiet(struct enc_sandbox *sandbox);

/* Output with its cap (output.c). The first max bytes are stored in a row; from then on
 * the second half is a ring that starts at *tail_at; enc_output_end turns it straight. */
void enc_output_feed(
    struct enc_run_output *output, size_t max, size_t *tail_at, const char *bytes, size_t len);
void enc_output_end(struct enc_run_output *output, size_t *tail_at);

#endif
