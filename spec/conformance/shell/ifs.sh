IFS=:; v=a:b:c; set -- $v; echo $# $1 "[$IFS]"
