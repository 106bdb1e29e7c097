with open("one.py", "w") as file:
    file.write("import two\nx = 1\n")
with open("two.py", "w") as file:
    file.write("import one\nprint(hasattr(one, 'x'))\nfrom one import x\n")
import one
