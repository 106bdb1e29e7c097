import sys, locale
print(sys.flags.utf8_mode, sys.stdout.encoding, locale.getpreferredencoding(False), sys.getfilesystemencoding())
print("\N{SNOWMAN}")
#: env PYTHONUTF8=0
#: env LC_ALL=C
#: env PYTHONCOERCECLOCALE=0
