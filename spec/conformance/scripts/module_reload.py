import importlib, json, sys
first = json
print(importlib.reload(json) is first, json.dumps([1]))
del sys.modules["json"]
import json
print(json is first, json.loads("[1]"))
