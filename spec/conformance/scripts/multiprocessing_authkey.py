import multiprocessing
key = multiprocessing.current_process().authkey
print(len(key), multiprocessing.process.ORIGINAL_DIR if hasattr(multiprocessing.process, "ORIGINAL_DIR") else "")
