# Made by the support code before the start.
import sys
print([p for p in sys.path if ".local" in p], "from_user_site" in sys.modules)
import from_user_site
#: user-site
