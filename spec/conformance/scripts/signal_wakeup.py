import signal, os, threading
def target():
    os.kill(os.getpid(), signal.SIGUSR1)
signal.signal(signal.SIGUSR1, lambda n, f: print("usr1", threading.current_thread().name))
t = threading.Thread(target=target)
t.start()
t.join()
