import multiprocessing, os, sys
from multiprocessing import shared_memory

def work(queue, lock, value):
    with lock:
        value.value += 1
    queue.put((multiprocessing.current_process().name, __name__, sys.argv))

if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        queue, lock, value = context.Queue(), context.Lock(), context.Value("i", 0)
        processes = [context.Process(target=work, args=(queue, lock, value), name="p%d" % i) for i in range(2)]
        for process in processes:
            process.start()
        print(method, sorted(queue.get() for _ in processes))
        for process in processes:
            process.join()
            print(process.name, process.exitcode)
        print(value.value)
    with multiprocessing.Manager() as manager:
        shared = manager.dict(a=1)
        shared["b"] = 2
        print(sorted(shared.items()))
    memory = shared_memory.SharedMemory(create=True, size=16)
    memory.buf[:5] = b"hello"
    print(bytes(memory.buf[:5]))
    memory.close()
    memory.unlink()
    with multiprocessing.Pool(2) as pool:
        print(pool.map(abs, range(-5, 0)))
#: args x
