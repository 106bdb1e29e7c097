f() { [ $1 -gt 0 ] && f $(($1 - 1)) || echo bottom; }; f 500
