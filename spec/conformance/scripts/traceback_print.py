import traceback, sys
def f():
    raise ValueError("shown")
try:
    f()
except ValueError:
    traceback.print_exc()
    print(traceback.format_exc())
    tb = sys.exc_info()[2]
    n = 0
    while tb:
        n += 1
        tb = tb.tb_next
    print(n)
