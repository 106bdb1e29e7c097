"""Server-sent events of a run: order, bytes, back-pressure, disconnects, failures."""
import base64
import sys
import time

from raw import Reply, all_free, call, connect, eventually, memory, request, shell

PID, IMAGE = int(sys.argv[2]), sys.argv[3]


def stream(command, timeout=60, receive_buffer=None):
    sock = connect(receive_buffer)
    sock.sendall(shell(command, "&stream=1", timeout))
    return sock


# As it comes, apart, and the result with all of it.
sock = stream("printf 'a\\303'; sleep 0.5; printf '\\251\\n'; sleep 0.5; echo b >&2; exit 3")
reply = Reply(sock)
assert reply.status == 200 and reply.headers["content-type"] == "text/event-stream; charset=utf-8"
events = list(reply.events())
event, result = events.pop()
assert event == "result" and result["status"] == "error", result
assert result["output"] == "aé\n" and result["error"] == "b\n", result
assert result["metadata"]["exit_code"] == 3 and result["tool_name"] == "shell_executor"
for stream_name, wanted in (("stdout", "aé\n"), ("stderr", "b\n")):
    assert "".join(data["text"] for name, data in events if name == stream_name) == wanted, events
assert events[-1][0] == "stderr" and all("\ufffd" not in data["text"] for _, data in events)
# The connection goes on.
sock.sendall(shell("echo again"))
assert Reply(sock).json()["output"] == "again\n"
sock.close()

# Bytes that are no text are there exactly, in base64.
sock = stream("printf 'a\\377\\303'; sleep 0.5; printf 'b\\251'")
events = list(Reply(sock).events())
event, result = events.pop()
assert result["output"] == "a\ufffd\ufffdb\ufffd", result
assert base64.b64decode(result["metadata"]["output_base64"]) == b"a\xff\xc3b\xa9", result
assert "error_base64" not in result["metadata"], result
assert b"".join(base64.b64decode(data["base64"]) if "base64" in data else data["text"].encode()
                for _, data in events) == b"a\xff\xc3b\xa9", events
sock.close()

# A slow client holds the program back, and costs no memory.
sock = stream("head -c 40000000 /dev/zero | tr '\\0' x", receive_buffer=65536)
time.sleep(0.5)
before = memory(PID)
time.sleep(1)
assert memory(PID) - before < 8 << 20, (before, memory(PID))
sock.settimeout(None)
total = sum(len(data["text"]) for event, data in Reply(sock).events() if event == "stdout")
assert total == 40000000, total
assert memory(PID) - before < 24 << 20, (before, memory(PID))
sock.close()
eventually(all_free, "the sandbox is free after a slow client")

# Output comes while the program runs; a client that goes ends that, whether it writes or not.
for command in ("while :; do echo x; sleep 0.05; done", "echo x; sleep 1000", "yes"):
    sock = stream(command)
    next(Reply(sock).events())
    sock.close()
    eventually(all_free, f"the sandbox is free after {command}", 10)

# What fails before the first event has an ordinary answer.
for path, status in (("tool_name=nope", 404), ("tool_name=shell_executor&stream=x", 400),
                     ("tool_name=shell_executor", 400), ("tool_name=shell_executor&pool=x", 404)):
    reply = call("POST", "/pool/execute?stream=1&" + path if "stream" not in path
                 else "/pool/execute?" + path, {})
    assert reply.status == status and reply.value["detail"], (path, reply.status)

# A program past its time.
events = list(Reply(stream("echo early; sleep 100", 1)).events())
assert events[0] == ("stdout", {"text": "early\n"}) and events[1][0] == "result", events
assert events[1][1]["status"] == "timeout" and events[1][1]["output"] == "early\n", events

# The same in a sandbox of its own.
sandbox = call("POST", "/sandbox/create", {"image": IMAGE}).value["sandbox_id"]
sock = connect()
sock.sendall(request("POST", "/sandbox/tool/execute?stream=1", {
    "sandbox_id": sandbox, "tool_name": "python_executor",
    "parameters": {"code": "print('one', flush=True); import time; time.sleep(.2); print('two')"}}))
events = list(Reply(sock).events())
assert "".join(data["text"] for _, data in events[:-1]) == "one\ntwo\n", events
assert events[-1][1]["output"] == "one\ntwo\n", events
assert call("DELETE", "/sandbox/" + sandbox).status == 200
print("fine")
