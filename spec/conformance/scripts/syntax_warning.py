x = "\d"
print(1 is 1)
assert (x, "always")
