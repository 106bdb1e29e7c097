with open("shows.py", "w") as file:
    file.write("import traceback, sys\ntraceback.print_stack(file=sys.stdout)\n")
import shows
