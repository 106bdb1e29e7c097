[ "$PPID" = "$(cut -d ' ' -f 4 /proc/$$/stat)" ] && echo same
