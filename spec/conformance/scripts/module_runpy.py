import runpy
with open("other.py", "w") as file:
    file.write("print(__name__, __file__)\nimport json\n")
print(sorted(runpy.run_path("other.py", run_name="xyz"))[-1])
