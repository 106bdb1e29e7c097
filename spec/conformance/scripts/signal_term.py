import os, signal
print("unflushed")
os.kill(os.getpid(), signal.SIGTERM)
import time
time.sleep(5)
