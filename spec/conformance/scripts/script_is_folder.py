print("in __main__.py")
import sys
print(sys.path[0], sys.argv, __file__, __spec__.name if __spec__ else None, __package__)
#: as folder
