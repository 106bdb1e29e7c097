# A program that traces sees the imports' own code.
import sys
seen = []
def trace(frame, event, arg):
    if event == "call":
        seen.append(frame.f_code.co_filename.rpartition("/")[2])
    return None
sys.settrace(trace)
import string
sys.settrace(None)
print("string.py" in seen)
