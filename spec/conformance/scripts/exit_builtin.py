print(exit, quit)
exit(4)
