f() { local x=1; echo "$x $1"; return 4; }; f a; echo $?
