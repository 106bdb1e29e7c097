x = "a\x00b"
#: bytes
