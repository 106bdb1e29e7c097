# -*- coding: latin-1 -*-
print(ascii("caf\xe9"))
#: bytes
