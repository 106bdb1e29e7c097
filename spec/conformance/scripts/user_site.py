import site, sys
print(site.ENABLE_USER_SITE, site.getuserbase(), site.getusersitepackages(), site.getsitepackages())
print(site.USER_BASE, site.USER_SITE, [p for p in sys.path if "site" in p or "dist" in p])
