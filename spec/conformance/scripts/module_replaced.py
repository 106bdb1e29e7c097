import sys, types
fake = types.ModuleType("re")
fake.compile = lambda *a, **k: None
fake.VERBOSE = fake.MULTILINE = fake.DOTALL = 0
sys.modules["re"] = fake
import json.scanner
print(json.scanner.re is fake)
