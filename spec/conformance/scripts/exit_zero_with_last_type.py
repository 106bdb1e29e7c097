import sys
sys.last_type = ValueError
sys.last_value = ValueError("set by hand")
print("fine")
