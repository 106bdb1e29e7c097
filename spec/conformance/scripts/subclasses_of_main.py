class A:
    pass
class B(A):
    pass
print(A.__subclasses__(), A.__module__, type(A), B.__mro__)
