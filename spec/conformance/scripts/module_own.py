with open("own.py", "w") as file:
    file.write("print(__name__, __file__, __spec__.origin)\nimport json\nvalue = json.dumps({})\n")
import own
print(own.value, own.__cached__)
