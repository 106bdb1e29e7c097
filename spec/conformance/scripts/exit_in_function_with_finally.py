import sys
def f():
    try:
        sys.exit(6)
    finally:
        print("finally")
f()
