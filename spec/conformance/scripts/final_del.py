class Loud:
    def __init__(self, name):
        self.name = name
    def __del__(self):
        print("del", self.name)
a = Loud("global")
b = [Loud("in a list")]
c = Loud("in a cycle")
c.me = c
print("end")
