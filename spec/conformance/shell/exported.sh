export -p | sort
