import sys
print(hash("abc"), hash(b"abc"), sys.flags.hash_randomization, list({"a", "b", "c", "d"}))
#: env PYTHONHASHSEED=7
