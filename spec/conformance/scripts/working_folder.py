import os
print(os.getcwd(), os.environ.get("PWD"))
os.chdir("/")
print(os.path.abspath("x"), __file__)
