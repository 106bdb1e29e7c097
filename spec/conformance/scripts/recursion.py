def f(n):
    return f(n + 1)
try:
    f(0)
except RecursionError as error:
    print(error)
depth = 0
def g():
    global depth
    depth += 1
    g()
try:
    g()
except RecursionError:
    print(depth)
f(0)
