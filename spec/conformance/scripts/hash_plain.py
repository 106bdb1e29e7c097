print(hash(1), hash(1.5), hash((1, 2)), hash(None) == hash(None), hash("a") == hash("a"))
import sys
print(sys.hash_info, sys.flags.hash_randomization)
