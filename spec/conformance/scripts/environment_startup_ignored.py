import sys
print(sys.flags.interactive, sys.flags.verbose, hasattr(sys, "ps1"))
#: env PYTHONSTARTUP=/nonexistent
#: env PYTHONNOUSERSITE=1
