import atexit, os, signal, time
atexit.register(print, "atexit runs")
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
finally:
    print("finally")
