print(hash("a"), list({"a", "b", "c"}))
#: env PYTHONHASHSEED=0
