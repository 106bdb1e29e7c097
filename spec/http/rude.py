"""Clients that are slow, cut things short, pipeline, send nonsense: each gets its answer or its
end, and the others notice nothing. The server has a pool of the in-memory driver."""
import random
import socket
import struct
import time

from raw import ADDRESS, Reply, all_free, call, connect, eventually, request, shell

ECHO = ["echo", "x"]


def talk(data):
    """What comes until the server closes; it must close soon."""
    sock = connect()
    sock.settimeout(8)
    sock.sendall(data)
    answer = b""
    try:
        while piece := sock.recv(65536):
            answer += piece
    except ConnectionResetError:
        pass
    except TimeoutError:
        raise AssertionError(f"not closed after {data[:60]}: {answer[:200]}") from None
    sock.close()
    return answer


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


# A pipeline: answers in the order of the requests.
sock = connect()
sock.sendall(b"".join(shell(["echo", str(i)]) + request("GET", "/health") for i in range(20)))
file = sock.makefile("rb")
for i in range(20):
    assert Reply(sock, file).json()["output"] == f"{i}\n"
    assert Reply(sock, file).json()["healthy"] is True
sock.close()

# Byte after byte, while others are served.
sock, quick = connect(), connect()
for byte in shell(ECHO):
    sock.sendall(bytes([byte]))
    time.sleep(0.002)
    if byte == ord("\n"):
        quick.sendall(request("GET", "/health"))
        assert Reply(quick).json()["healthy"]
assert Reply(sock).json()["output"] == "x\n"
sock.close()
quick.close()

# Only one side closed: what needs no waiting is answered; what runs is cancelled.
sock = connect()
sock.sendall(request("GET", "/health"))
sock.shutdown(socket.SHUT_WR)
assert Reply(sock).status == 200
sock.close()
sock = connect()
sock.sendall(shell(["sleep", "1000"]))
time.sleep(0.2)
sock.shutdown(socket.SHUT_WR)
reply = Reply(sock)
assert reply.status == 503 and reply.json()["code"] == "cancelled", reply.status
assert reply.headers["connection"] == "close"
eventually(all_free, "the sandbox of a half-closed client is free")

# Chunks of any size, and 100-continue.
for sizes in ((1,), (3, 1, 7), (1000,)):
    body, at, chunks = shell(ECHO).split(b"\r\n\r\n", 1)[1], 0, b""
    turn = 0
    while at < len(body):
        piece = body[at:at + sizes[turn % len(sizes)]]
        chunks += b"%x;ext=1\r\n%s\r\n" % (len(piece), piece)
        at, turn = at + len(piece), turn + 1
    sock = connect()
    sock.sendall(b"POST /pool/execute?tool_name=shell_executor HTTP/1.1\r\nHost: localhost\r\n"
                 b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                 + chunks + b"0\r\nTrailer: y\r\n\r\n")
    assert Reply(sock).json()["output"] == "x\n"
    sock.close()
head, body = shell(ECHO).split(b"\r\n\r\n", 1)
sock = connect()
sock.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
assert sock.recv(1000).startswith(b"HTTP/1.1 100"), "the server wants the body"
sock.sendall(body)
assert Reply(sock).json()["output"] == "x\n"
sock.close()
answer = talk(b"POST /pool/execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n"
              b"Expect: 100-continue\r\n\r\n")
assert status_of(answer) == 413 and b'"detail"' in answer, answer

# Wrong methods, media types, addresses: JSON, with what is right.
for method, path, status in (("PATCH", "/health", 405), ("BREW", "/health", 405),
                             ("POST", "/stats", 405), ("GET", "/pool/execute", 405),
                             ("DELETE", "/sandboxes", 405), ("GET", "/nope", 404),
                             ("PUT", "/sandbox/x", 405), ("OPTIONS", "/health", 405),
                             ("GET", "/sandbox/%zz", 400), ("GET", "/health?a=%", 400),
                             ("GET", "/sandbox/%00", 400), ("GET", "/sandbox/%c0%af", 400),
                             ("GET", "/health?a=1&a=2", 400), ("GET", "/health?%ff=1", 400),
                             ("GET", "/sandbox/a%2Fb", 404), ("GET", "/health/", 200),
                             ("GET", "//health", 404), ("GET", "/health?unknown=1", 200)):
    reply = call(method, path)
    assert reply.status == status, (method, path, reply.status)
    assert isinstance(reply.value, dict) and (status == 200 or reply.value["detail"])
    assert status != 405 or reply.headers["allow"], path
answer = talk(b"HEAD /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
assert status_of(answer) == 200 and answer.endswith(b"\r\n\r\n"), answer
for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
    sock = connect()
    sock.sendall(b"POST /pool/execute?tool_name=shell_executor HTTP/1.1\r\nHost: localhost\r\n"
                 b"Content-Type: %s\r\nContent-Length: 2\r\n\r\n{}" % kind.encode())
    reply = Reply(sock)
    assert reply.status == 415 and reply.json()["detail"], kind
    sock.close()

# Heads above the limit; nonsense; a missing Host.
reply = call("GET", "/health", headers=("X: " + "y" * 13000,))
assert reply.status == 431 and reply.value["detail"], reply.status
reply = call("GET", "/health?" + "y" * 13000)
assert reply.status == 414 and reply.value["detail"], reply.status
big = b"y" * 200000
for data, statuses in ((b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + big, (431, 413)),
                       (b"GET /" + big, (414, 431)),
                       (b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 5000, (431, 413)),
                       (b"nonsense\r\n\r\n", (400, 0)), (b"GET /health HTTP/1.1\r\n\r\n", (400,)),
                       (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400, 0)),
                       (b"GET /health HTTP/7.3\r\nHost: localhost\r\n\r\n", (400, 505, 0)),
                       (b"POST /pool/execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
                        (400, 413)),
                       (b"POST /pool/execute HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked"
                        b"\r\n\r\nzz\r\n", (400, 0)), (b"\xff\xfe\x01 \x02\r\n\r\n", (400, 0))):
    answer = talk(data)
    assert status_of(answer) in statuses, (data[:60], answer[:200])
answer = talk(b"GET /health HTTP/1.0\r\n\r\n")
assert status_of(answer) == 200, answer

# Heads that can be read in two ways: refused, and nothing after them is read.
for lines in (b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked",
              b"Content-Length: 5\r\nContent-Length: 0", b"Transfer-Encoding: identity",
              b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"Host: other",
              b"Content-Length : 5", b"Transfer-Encoding\t: chunked", b"X y: z"):
    answer = talk(b"POST /pool/execute HTTP/1.1\r\nHost: localhost\r\n" + lines
                  + b"\r\n\r\n0\r\n\r\n" + request("GET", "/health"))
    assert status_of(answer) == 400 and b'"detail"' in answer, (lines, answer)
    assert answer.count(b"HTTP/1.1 ") == 1, (lines, answer)

# Bodies that are not what they say.
for body in (b"{", b"[]", b"nul", b'"x"', b"\xff", b'{"a":' * 200 + b"1" + b"}" * 200,
             b"[" * 50000, b'{"command":"x",}', b'{"command":NaN}', b'{"command":["a\\u00"]}'):
    reply = call("POST", "/pool/execute?tool_name=shell_executor", body)
    assert reply.status == 400 and reply.value["detail"], body[:40]

# Gone at any time: nothing of it stays.
choose = random.Random(7)
for turn in range(300):
    data = choose.choice((shell(["sleep", "0.05"]), shell(ECHO), request("GET", "/health"),
                          request("GET", "/health") * 3, shell(["sleep", "0.05"], "&stream=1")))
    sock = connect()
    sock.sendall(data[:choose.randrange(len(data) + 1)] if turn % 2 else data)
    time.sleep(choose.random() * 0.01)
    if turn % 3 == 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
eventually(all_free, "every sandbox is free after clients that went")


def half_closed():
    """Connections whose client has closed and the server has not."""
    count, port = 0, f":{ADDRESS.port:04X}"
    for line in open("/proc/net/tcp"):
        fields = line.split()
        count += fields[1].endswith(port) and fields[3] == "08"
    return count


eventually(lambda: half_closed() == 0, "no connection lingers")
print("fine")
