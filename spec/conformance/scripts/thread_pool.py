from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    print(list(pool.map(lambda x: x * x, range(10))))
pool = ThreadPoolExecutor(2)
import time
pool.submit(lambda: (time.sleep(0.05), print("done late")))
