no_such_command; echo $?
