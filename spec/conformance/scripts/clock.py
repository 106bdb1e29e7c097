import time
print(time.process_time() < 2, time.perf_counter() > 0, abs(time.time() - time.time_ns() / 1e9) < 1)
