import sys, warnings, gc, faulthandler
print(sys.flags.dev_mode, sys.warnoptions, faulthandler.is_enabled(), warnings.filters[0][:1])
open("/dev/null")
gc.collect()
#: env PYTHONDEVMODE=1
