import importlib, sys
print(__name__)
if __name__ == "__main__":
    import main
    print(main is sys.modules["__main__"])
