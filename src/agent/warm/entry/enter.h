/* enter.h - into namespaces of a run's own and away from keys of others, by system calls
 * alone: used by the agent for a program that it executes, and by what becomes one inside a
 * waiting process. */
#ifndef AGENT_WARM_ENTER_H
#define AGENT_WARM_ENTER_H

#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/sched.h>

#include "entry.h"

#define SYS_setns_   __NR_setns
#define SYS_unshare_ __NR_unshare
#define SYS_mount_   __NR_mount
#define SYS_keyctl_  __NR_keyctl

/* Into the user namespace, where the caller has every capability until it drops them.
 * 0 or -errno: nothing has changed. */
static inline long enter_user_namespace(int user_namespace) {
    return sys3(SYS_setns_, user_namespace, CLONE_NEWUSER, 0);
}

/* From there into new ones for System V objects and message queues, with the folder that
 * shows the queues. The process stays what it is, by number, user and files. 0 or -errno. */
static inline long make_namespaces(void) {
    enum { NO_ENTRY = -2 };
    const long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    long failed = sys3(SYS_unshare_, CLONE_NEWIPC | CLONE_NEWNS, 0, 0);
    if (failed == 0)
        failed = sys5(SYS_mount_, "mqueue", "/dev/mqueue", "mqueue", flags, 0);
    return failed == NO_ENTRY ? 0 : failed;
}

/* Both. Where it fails it may be in the user namespace, which alone changes nothing. */
static inline long enter_namespaces(int user_namespace) {
    long failed = enter_user_namespace(user_namespace);
    return failed < 0 ? failed : make_namespaces();
}

/* Once it has its user: no key of an earlier run, of the same user, is within reach. Where
 * keys cannot be used at all, as under Docker's default seccomp profile, it is one call. The
 * user's own keyrings are the host's, and left alone, but in a user namespace. */
static inline void forget_keys(int apart) {
    /* To view, read, write, search and link, for who has them and for the user; not to change: what
     * nobody may write to could not be cleared. */
    const long rights = 0x1f1f0000;
    if (sys3(SYS_keyctl_, KEYCTL_JOIN_SESSION_KEYRING, 0, 0) < 0 || !apart)
        return;
    const long own = KEY_SPEC_SESSION_KEYRING;
    long kept = sys3(SYS_keyctl_, KEYCTL_GET_PERSISTENT, -1, own);
    if (kept > 0) {
        sys3(SYS_keyctl_, KEYCTL_CLEAR, kept, 0);
        sys3(SYS_keyctl_, KEYCTL_UNLINK, kept, own);
    }
    for (int ring = KEY_SPEC_USER_KEYRING; ring >= KEY_SPEC_USER_SESSION_KEYRING; ring--) {
        sys3(SYS_keyctl_, KEYCTL_CLEAR, ring, 0);
        sys3(SYS_keyctl_, KEYCTL_SETPERM, ring, rights);
    }
}

#endif
