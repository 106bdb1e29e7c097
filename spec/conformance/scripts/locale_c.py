import sys, os, locale
print(sys.flags.utf8_mode, sys.stdout.encoding, sys.stdout.errors, os.environ.get("LC_CTYPE"), os.environ.get("LANG"))
print(locale.setlocale(locale.LC_CTYPE), sys.getfilesystemencoding())
#: env LANG=C
