sh -c 'echo $0 $1; exit 5' name arg; echo $?
