id; umask; ulimit -a
