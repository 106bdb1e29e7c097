import os
print(os.system("exit 5") >> 8, os.popen("echo popen").read())
