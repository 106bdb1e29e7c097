import os, sys
print([os.fsencode(a) for a in sys.argv[1:]])
#: args-bytes \xff\xfe
