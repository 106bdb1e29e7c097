import sys, site, sysconfig
print(site.ENABLE_USER_SITE, site.PREFIXES, site.getusersitepackages(), site.getsitepackages())
print(sysconfig.get_paths()["stdlib"], sysconfig.get_python_version(), sysconfig.get_platform())
print([type(f).__name__ if not isinstance(f, type) else f.__name__ for f in sys.meta_path])
print([getattr(h, "__name__", str(h)) for h in sys.path_hooks])
print(sorted(p for p in sys.path_importer_cache if "zip" in p or p == sys.path[0]))
print("sitecustomize" in sys.modules, "usercustomize" in sys.modules, "apport_python_hook" in sys.modules)
print(exit, quit, copyright.__class__.__name__, sys.excepthook is sys.__excepthook__)
