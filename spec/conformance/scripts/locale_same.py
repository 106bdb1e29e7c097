import locale, sys, os
print(locale.setlocale(locale.LC_ALL), locale.localeconv()["decimal_point"], sys.flags.utf8_mode)
print(os.environ.get("LC_CTYPE"), locale.getpreferredencoding())
