echo one

no_such_command
