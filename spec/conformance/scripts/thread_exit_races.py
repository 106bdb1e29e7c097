import atexit, os, sys, threading, time
atexit.register(print, "at exit", flush=True)
said, fired = threading.Event(), threading.Event()
def fire():
    said.wait()
    print("timer", flush=True)
    fired.set()
def late():
    fired.wait()
    timer.join()
    time.sleep(0.05)
    print("late", threading.current_thread().name, threading.active_count(), flush=True)
threading.Thread(target=late, name="late").start()
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
timer = threading.Timer(0.02, fire)
timer.start()
print(threading.main_thread(), [t.name for t in threading.enumerate()][:2])
local = threading.local()
local.value = 1
print(local.value, threading.get_ident() == threading.main_thread().ident, threading._main_thread._is_stopped if hasattr(threading._main_thread, "_is_stopped") else False)
said.set()
sys.exit(5)
