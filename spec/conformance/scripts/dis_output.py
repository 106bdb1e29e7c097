import dis
def f(a):
    return a + 1
print([i.opname for i in dis.get_instructions(f)][-1])
