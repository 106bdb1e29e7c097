\xef\xbb\xbfprint("with a mark")
#: bytes
