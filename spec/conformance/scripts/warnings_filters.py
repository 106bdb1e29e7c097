import warnings, sys
for each in warnings.filters:
    print(each)
print(sys.warnoptions, warnings.onceregistry, warnings.defaultaction, "__warningregistry__" in globals())
warnings.warn("here", DeprecationWarning)
warnings.warn("there", PendingDeprecationWarning)
warnings.warn("seen")
print(sorted(k for k in globals() if "warning" in k))
import imp_that_is_not_there
