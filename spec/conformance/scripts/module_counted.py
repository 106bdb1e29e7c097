import trace, sys
t = trace.Trace(count=1, trace=0, ignoredirs=[sys.prefix])
def f():
    import json
    return json.dumps(1)
t.runfunc(f)
print(sorted(t.results().counts.items()))
