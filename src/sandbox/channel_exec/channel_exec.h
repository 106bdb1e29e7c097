/* channel_exec.h - the exec channel: every run, transfer and reset is a program or two
 * that the driver starts from outside (programs.h). The fallback where the agent cannot
 * run: slow, and it knows no CPU time and no memory peak. */
#ifndef ENC_CHANNEL_EXEC_H
#define ENC_CHANNEL_EXEC_H

#include "programs.h"

/* Sets sandbox->channel. reader and service are processes that a reset must spare (the
 * first process's; 0: none). */
int enc_channel_exec_open(struct enc_sandbox *sandbox,
                          const struct enc_programs *programs,
                          int reader,
                          int service,
                          struct enclave_error *err);

/* The work folder is the sandbox's own, not a volume: it is the user's, with mode 0755. */
bool enc_exec_owns_folder(const struct enc_config *config);

#endif
