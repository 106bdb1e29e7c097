with open("f.txt", "w") as file:
    print(file.encoding)
    file.write("ü")
print(open("f.txt", "rb").read())
