# A file of the program's own comes before the library's.
with open("textwrap.py", "w") as file:
    file.write("def dedent(s):\n    return 'own ' + s\n")
with open("bisect.py", "w") as file:
    file.write("print('own bisect')\nfrom _bisect import *\ninsort_left = insort = None\n")
import textwrap
print(textwrap.dedent("x"), textwrap.__file__)
import random
print(random.Random(1).random())
