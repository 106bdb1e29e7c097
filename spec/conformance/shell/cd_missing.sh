cd /no/such; echo $?
