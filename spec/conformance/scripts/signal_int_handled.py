import os, signal, time
def handler(number, frame):
    print("handler", number, frame.f_code.co_name)
signal.signal(signal.SIGINT, handler)
os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.01)
signal.pause()
