import sys
from datetime import datetime
from collections import OrderedDict, abc
import heapq, bisect, string, copy
print(list(sys.modules))
