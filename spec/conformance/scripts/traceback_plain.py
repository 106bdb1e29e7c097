def f(x):
    return g(x)
def g(x):
    return 1 / x
print("before")
f(0)
