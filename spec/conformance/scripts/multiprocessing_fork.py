import multiprocessing as mp, os
def square(x):
    return x * x
if __name__ == "__main__":
    context = mp.get_context("fork")
    with context.Pool(2) as pool:
        print(pool.map(square, range(5)))
    p = context.Process(target=print, args=("in the child",))
    p.start(); p.join()
    print(p.exitcode, mp.current_process().name, mp.parent_process())
