print("in a zip")
import sys
print(sys.path[0], sys.argv, __file__, __loader__.__class__.__name__)
raise ValueError("inside")
#: as zip
