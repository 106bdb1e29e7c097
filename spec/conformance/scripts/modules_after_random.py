import sys
import random
print(list(sys.modules))
