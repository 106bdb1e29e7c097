class Mine(SystemExit):
    code = 7
raise Mine("x")
