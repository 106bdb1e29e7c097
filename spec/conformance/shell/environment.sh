env | sort
#: env ODD=a=b c
#: env UNI=ü
