import sys
print("sitecustomize" in sys.modules, "usercustomize" in sys.modules)
try:
    import sitecustomize
    print(sitecustomize.__file__)
except ImportError as error:
    print(error)
