while True:
    pass
#: limit CPU 1
