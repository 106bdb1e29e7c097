-- hostile.lua - what code that a stranger wrote does to its sandbox: each kind of program, and how
-- its run may end. `word` is what a success must have printed.
local hostile = {}

local function python(word, code, seconds)
  return { tool = "python_executor", loose = true, output = word,
    parameters = { code = code:gsub("WORD", word), timeout = seconds or 3 } }
end

local function shell(word, command, seconds)
  return { tool = "shell_executor", loose = true, output = word,
    parameters = { command = command:gsub("WORD", word), timeout = seconds or 3 } }
end

---Signals, traces and writes to whatever there is.
hostile["reaches for the agent"] = function(word)
  return python(word, [[
import ctypes, glob, os, signal, socket
me, c = os.getpid(), ctypes.CDLL(None)
def tried(do, *arguments):
    try: do(*arguments)
    except (OSError, ValueError): pass
def garble(path):
    file = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.write(file, b"\x04\0\0\0\x23\0\0\0\1\0\0\0gone")
for pid in [-1] + [int(p) for p in os.listdir("/proc") if p.isdigit() and int(p) != me]:
    c.ptrace(16, pid, 0, 0)
    for number in (signal.SIGSTOP, signal.SIGKILL): tried(os.kill, pid, number)
    for path in glob.glob("/proc/%d/fd/*" % pid) + ["/proc/%d/mem" % pid]: tried(garble, path)
for path in glob.glob("/.enclave-io/*"): tried(socket.socket(socket.AF_UNIX).connect, path)
print("WORD", end="")]])
end

---Prints what the agent would say of a run that went well, and of others.
hostile["forges frames"] = function(word)
  local forged = ""
  for run = 1, 3 do
    forged = forged .. ("<I4BBI2I4I2I4I8"):pack(14, 35, 0, 0, run, 64, 8, 0)
  end
  return { tool = "shell_executor", output = forged .. word,
    parameters = { command = "cat", stdin = forged .. word, timeout = 3 } }
end

---Leaves what is hard to remove.
hostile["litters"] = function(word)
  return shell(word, [[
exec 2>/dev/null
for place in . /tmp /dev/shm; do
  cd $place; mkdir -p locked/in; echo x > locked/in/file; chmod 0 locked/in locked; mkfifo pipe
  n=$(printf "%0250d" 7); for i in $(seq 40); do mkdir $n; cd -P $n || break; done
done
cd; touch $(seq 1000); head -c 80m /dev/zero > full
(setsid sh -c "trap '' TERM HUP; sleep 300" >/dev/null &)
printf WORD]])
end

---Goes on when its first thread has ended.
hostile["loses its first thread"] = function(word)
  return python(word, [[
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
ctypes.CDLL(None).syscall(60, 0)]], 0.3)
end

hostile["multiplies"] = function(word)
  return shell(word, [[f() { f & f & }; f 2>/dev/null; sleep 60]], 0.3)
end

return hostile
