# A part of a package is no attribute before it was imported.
import importlib, collections, xml, concurrent, json
for module, part in ((importlib, "util"), (xml, "etree"), (concurrent, "futures"), (json, "tool")):
    print(module.__name__, hasattr(module, part))
try:
    importlib.util.find_spec("json")
except AttributeError as error:
    print(error)
