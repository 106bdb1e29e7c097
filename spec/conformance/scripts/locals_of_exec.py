x = 1
exec("y = x + 1")
print(y, eval("x + y"), [x for x in range(3)], x)
