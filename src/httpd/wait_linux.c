/* What libmicrohttpd waits for, as one descriptor: that of its epoll. */
#include "internal.h"

unsigned enc_httpd_wait_flag(void) {
    return MHD_USE_EPOLL;
}

int enc_httpd_wait_fd(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info ? info->epoll_fd : -1;
}
