# Imports from several threads at once.
import threading
errors = []
def work(name):
    try:
        __import__(name)
    except BaseException as error:
        errors.append(error)
names = ["json", "random", "datetime", "decimal", "fractions", "statistics", "typing", "logging"]
threads = [threading.Thread(target=work, args=(n,)) for n in names * 3]
[t.start() for t in threads]
[t.join() for t in threads]
print(errors)
