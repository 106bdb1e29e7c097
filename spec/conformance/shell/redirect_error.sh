echo x > /no/such/file; echo $?
