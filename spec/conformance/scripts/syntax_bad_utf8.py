# caf\xe9
print("x")
#: bytes
