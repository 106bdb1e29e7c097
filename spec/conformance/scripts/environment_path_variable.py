import sys, os
os.makedirs("extra", exist_ok=True)
print([p for p in sys.path if "extra" in p or "tmp" in p])
print(sys.flags.safe_path if hasattr(sys.flags, "safe_path") else None)
#: env PYTHONPATH=extra:/tmp
