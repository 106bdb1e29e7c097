import os, subprocess, sys
done = subprocess.run([sys.executable, "-c", "import sys, os; print(sys.argv, sys.flags.isolated, os.environ.get('NAME')); sys.exit(9)", "a"], capture_output=True, text=True)
print(done)
print(subprocess.run("echo $0 $PPID_IS; exit 2", shell=True).returncode)
print(subprocess.check_output(["sh", "-c", "ls /proc/self/fd | wc -l; umask; ulimit -n >/dev/null; cat"], input=b"in\n"))
with subprocess.Popen(["sleep", "60"]) as child:
    child.kill()
print(child.returncode)
try:
    subprocess.run(["sleep", "60"], timeout=0.05)
except subprocess.TimeoutExpired as error:
    print(error.cmd, error.stdout)
try:
    subprocess.run(["/nonexistent/program"])
except FileNotFoundError as error:
    print(error)
print(subprocess.run([sys.executable, "-c", "import json; print(json.__file__)"], capture_output=True).stdout)
sys.stdout.flush()
os.execv(sys.executable, [sys.executable, "-c", "import sys; print(sys.argv, 'random' in sys.modules)", "b"])
#: env NAME=value
