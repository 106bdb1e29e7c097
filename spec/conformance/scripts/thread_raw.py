import _thread, time
_thread.start_new_thread(lambda: time.sleep(60), ())
time.sleep(0.05)
print("end")
