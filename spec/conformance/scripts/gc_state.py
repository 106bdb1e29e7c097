import gc
print(gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.garbage, gc.callbacks, len(gc.get_stats()))
class Cycle:
    pass
for _ in range(10):
    c = Cycle()
    c.me = c
del c
print(gc.collect() >= 9)
