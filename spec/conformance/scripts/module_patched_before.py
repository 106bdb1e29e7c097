import time
real = time.time
time.time = lambda: 42.0
import os
os.getpid = lambda: 4711
import random, datetime, tempfile
from random import _urandom
print(time.time(), os.getpid(), random._urandom is os.urandom)
