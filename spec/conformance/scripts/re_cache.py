import re
print(re.match(r"(\d+)-(?P<n>\w+)", "12-ab").groupdict(), re.escape("a.b"))
