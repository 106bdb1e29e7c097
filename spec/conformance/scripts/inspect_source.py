import inspect
def f(a, b=2):
    "doc"
    return a + b
class C:
    def method(self):
        return 1
print(inspect.getsource(f))
print(inspect.getsource(C.method))
print(inspect.getfile(f), inspect.getsourcelines(C)[1], inspect.signature(f), inspect.getmodule(f).__name__)
