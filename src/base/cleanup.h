/* cleanup.h - free at the end of the scope. Never in a function that may raise a
 * Lua error: a longjmp skips these. */
#ifndef ENC_CLEANUP_H
#define ENC_CLEANUP_H

#include <stdlib.h>

static inline void enc_cleanup_free(void *pointer) {
    free(*(void **)pointer);
}

#define ENC_AUTO_FREE __attribute__((cleanup(enc_cleanup_free)))

/* Takes the value out of a pointer variable and leaves NULL behind. */
#define ENC_STEAL(pointer)                                                                         \
    __extension__({                                                                                \
        __typeof__(pointer) stolen_ = (pointer);                                                   \
        (pointer) = NULL;                                                                          \
        stolen_;                                                                                   \
    })

#endif
