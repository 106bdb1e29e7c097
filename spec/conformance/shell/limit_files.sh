ulimit -n
#: limit NOFILE 50
