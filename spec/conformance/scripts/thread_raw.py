import _thread, time
_thread.start_new_thread(lambda: time.sleep(60), ())
print("end")
