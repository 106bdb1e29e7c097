import importlib.util, sys
for name in ("json", "os", "sys", "math", "no_such", "collections.abc"):
    spec = importlib.util.find_spec(name)
    print(name, spec and (spec.origin, type(spec.loader).__name__), name in sys.modules)
