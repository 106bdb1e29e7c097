import os
print("unflushed")
os.abort()
