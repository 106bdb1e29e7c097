import hashlib
print(hashlib.sha256(b"x").hexdigest(), hashlib.md5(b"").hexdigest(), sorted(hashlib.algorithms_guaranteed))
