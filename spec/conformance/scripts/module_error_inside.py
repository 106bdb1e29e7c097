with open("broken.py", "w") as file:
    file.write("import json\ndef f():\n    raise ValueError('inside')\nf()\n")
import broken
