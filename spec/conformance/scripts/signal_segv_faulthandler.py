import faulthandler, ctypes
print(faulthandler.is_enabled())
faulthandler.enable()
ctypes.string_at(0)
