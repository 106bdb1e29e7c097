import multiprocessing, sys

def work():
    pass

context = multiprocessing.get_context("spawn")
process = context.Process(target=work)
process.start()
process.join()
print(process.exitcode)
