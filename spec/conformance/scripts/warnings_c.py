# Shown without the warnings module.
import sys
print("warnings" in sys.modules)
def f():
    return "a" is "a"
~True if sys.version_info >= (3, 12) else None
print("warnings" in sys.modules)
