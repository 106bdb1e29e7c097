ls -l /proc/self/fd | wc -l; ls /proc/$$/fd
