import threading, time
def f():
    time.sleep(60)
    print("never")
threading.Thread(target=f, daemon=True).start()
print("main ends")
