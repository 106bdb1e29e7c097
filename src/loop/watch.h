/* watch.h - changes in a folder, told by the operating system (inotify on Linux). Uses loop.h.
 * Says that something changed, not what; does not look into folders below. */
#ifndef ENC_WATCH_H
#define ENC_WATCH_H

#include "loop.h"

struct enc_watch;

/* changed is called on each event, until the watch is stopped. It does not count as pending. */
struct enc_watch *enc_watch_start(struct enc_loop *loop,
                                  const char *folder,
                                  void (*changed)(void *data),
                                  void *data,
                                  struct enclave_error *err);

void enc_watch_stop(struct enc_watch *watch);

#endif
