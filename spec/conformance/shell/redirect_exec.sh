exec 3> f; echo text >&3; exec 3>&-; cat f
