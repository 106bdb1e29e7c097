import sys
print(sys.argv)
print(open("/proc/self/cmdline", "rb").read())
#: args "" -x --long=1 "a b" ü 漢字
