import atexit
atexit.register(print, "mine")
import logging
logging.basicConfig(format="%(levelname)s %(message)s")
logging.warning("to stderr")
handler = logging.StreamHandler()
handler.flush = lambda: print("logging flushes")
logging.getLogger().addHandler(handler)
