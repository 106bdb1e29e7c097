import faulthandler, sys, threading, time
print(faulthandler.is_enabled())
faulthandler.enable()
print(faulthandler.is_enabled())
faulthandler.dump_traceback()
def inner():
    faulthandler.dump_traceback(all_threads=False)
inner()
faulthandler.dump_traceback_later(0.05, exit=True)
time.sleep(5)
