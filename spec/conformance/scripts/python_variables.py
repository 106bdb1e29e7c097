import sys
print(sys.flags.optimize, sys.stdout.encoding, sys.dont_write_bytecode, sys.warnoptions)
#: env PYTHONOPTIMIZE=1
#: env PYTHONIOENCODING=latin-1
#: env PYTHONDONTWRITEBYTECODE=1
#: env PYTHONWARNINGS=error
