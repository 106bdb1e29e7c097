import pkgutil, json
print([m.name for m in pkgutil.iter_modules(json.__path__)])
