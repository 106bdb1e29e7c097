echo named > /dev/stdout; echo fd > /proc/self/fd/1
