import posix, os
print(sorted(posix.environ.items()) == sorted(os.environb.items()), len(posix.environ))
