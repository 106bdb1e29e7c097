import collections
foo_bar = 1
print(foo_baz)
