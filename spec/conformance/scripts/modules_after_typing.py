import sys
import typing, dataclasses
print(list(sys.modules))
