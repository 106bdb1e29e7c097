class C:
    pass
print(repr(C())[:19], repr(C), repr(len), repr(print))
