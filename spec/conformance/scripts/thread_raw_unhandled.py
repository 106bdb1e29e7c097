import _thread, time
lock = _thread.allocate_lock()
lock.acquire()
def f():
    try:
        raise ValueError("raw")
    finally:
        lock.release()
_thread.start_new_thread(f, ())
lock.acquire()
time.sleep(0.1)
