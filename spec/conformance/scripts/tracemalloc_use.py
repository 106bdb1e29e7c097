import tracemalloc
print(tracemalloc.is_tracing(), tracemalloc.get_traced_memory())
tracemalloc.start(5)
kept = [bytes(1000) for _ in range(10)]
snapshot = tracemalloc.take_snapshot()
mine = [s for s in snapshot.statistics("lineno") if s.traceback[0].filename == __file__]
print([(s.traceback[0].lineno, s.count > 0, s.size > 9000) for s in mine[:1]], tracemalloc.get_traceback_limit())
print(tracemalloc.get_object_traceback(kept))
tracemalloc.stop()
