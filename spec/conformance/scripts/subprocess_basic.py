import subprocess, sys
print(subprocess.run(["sh", "-c", "echo out; echo err >&2; exit 3"], capture_output=True))
print(subprocess.check_output([sys.executable, "-c", "import sys; print(sys.argv, sys.flags)", "x"], text=True))
try:
    subprocess.run(["no-such-program"])
except FileNotFoundError as error:
    print(error)
