import sys, os, locale
print(sys.flags.utf8_mode, sys.stdout.encoding, sys.stdout.errors, sorted(os.environ))
print(locale.setlocale(locale.LC_CTYPE), locale.setlocale(locale.LC_NUMERIC), sys.getfilesystemencoding())
#: env LC_ALL=C
