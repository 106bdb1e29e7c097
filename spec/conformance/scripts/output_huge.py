import sys
for i in range(60000):
    print("line", i, "x" * 60)
sys.stderr.write("e" * 300000)
