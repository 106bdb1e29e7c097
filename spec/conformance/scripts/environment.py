import os
print(sorted(os.environ.items()))
print(sorted(os.environb.items()))
print(sorted(open("/proc/self/environ", "rb").read().split(b"\0")))
print(os.getenv("LD_PRELOAD"), os.getenv("PYTHONPATH"), os.path.expanduser("~"))
os.environ["NEW"] = "1"
del os.environ["ODD"]
import subprocess
print(sorted(subprocess.run(["env"], capture_output=True, text=True).stdout.splitlines()))
#: env ODD=a=b=c
#: env EMPTY=
#: env UNI=ü
