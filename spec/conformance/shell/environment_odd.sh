env | grep -a odd
#: env odd-name=1
#: env 1odd=2
