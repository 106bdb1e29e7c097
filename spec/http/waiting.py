"""2,000 idle connections, each used once, and 2,000 requests that wait for a sandbox: what the
server's memory grows by (KiB), and how long the last of them waited against the middle one."""
import json
import resource
import sys
import time

from raw import Reply, call, connect, request, shell

PID, COUNT = int(sys.argv[2]), int(sys.argv[3])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * COUNT + 256), hard))


def memory():
    with open(f"/proc/{PID}/statm") as file:
        return int(file.read().split()[1]) * 4


assert call("GET", "/health").status == 200
before = memory()
idle = [connect() for _ in range(COUNT)]
for sock in idle:
    sock.sendall(request("GET", "/health"))
for sock in idle:
    assert Reply(sock).body()
waiting = [connect() for _ in range(COUNT)]
for sock in waiting:
    sock.sendall(shell(["sleep", "0.005"]))
after, began, ended = memory(), time.monotonic(), []
for sock in waiting:
    assert Reply(sock).status == 200
    ended.append(time.monotonic() - began)
print(json.dumps({"kib": after - before, "middle": ended[len(ended) // 2], "last": ended[-1]}))
