import re
print(re.match(r"(\d+)-(?P<n>\w+)", "12-ab").groupdict(), re.escape("a.b"), re._cache if len(re._cache) < 1 else len(re._cache))
