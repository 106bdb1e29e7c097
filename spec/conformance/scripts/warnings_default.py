import warnings
warnings.warn("deprecated", DeprecationWarning)
warnings.warn("user")
warnings.warn("pending", PendingDeprecationWarning)
def f():
    warnings.warn("at the caller", DeprecationWarning, stacklevel=2)
f()
import sys
print(len(warnings.filters), sys.warnoptions, [f[:3] for f in warnings.filters])
