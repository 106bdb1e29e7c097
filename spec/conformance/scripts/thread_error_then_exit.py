import threading, time
def f():
    time.sleep(0.1)
    print("thread ends")
threading.Thread(target=f).start()
raise ValueError("main fails first")
