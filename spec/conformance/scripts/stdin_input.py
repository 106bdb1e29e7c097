name = input("name? ")
print("hello", name)
print(input())
print(input("more? "))
#: stdin Ann\nBob\n
