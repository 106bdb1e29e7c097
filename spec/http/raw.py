"""Raw HTTP for the scripts in this folder: sockets, so that clients can be slow, rude or odd."""
import json
import socket
import sys
import time
import urllib.parse

URL = sys.argv[1]
ADDRESS = urllib.parse.urlsplit(URL)


def connect(receive_buffer=None):
    family = socket.AF_INET6 if ":" in ADDRESS.hostname else socket.AF_INET
    sock = socket.socket(family)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(60)
    sock.connect((ADDRESS.hostname, ADDRESS.port))
    return sock


def request(method, path, body=b"", headers=()):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if body or method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def shell(command, query="", timeout=60):
    return request("POST", "/pool/execute?tool_name=shell_executor" + query,
                   {"command": command, "timeout": timeout})


class Reply:
    """Reads one answer: status, headers, body (pieces as they come). Of a pipeline each after
    the other, from the file of the first."""

    def __init__(self, sock, file=None):
        self.file = file or sock.makefile("rb")
        line = self.file.readline()
        while line.startswith(b"HTTP/1.1 100"):
            self.file.readline()
            line = self.file.readline()
        self.status = int(line.split()[1]) if line else 0
        self.headers = {}
        for line in iter(self.file.readline, b"\r\n"):
            if not line:
                break
            name, value = line.decode().split(":", 1)
            self.headers[name.lower()] = value.strip()

    def pieces(self):
        if self.headers.get("transfer-encoding") != "chunked":
            yield self.file.read(int(self.headers.get("content-length", 0)))
            return
        while size := int(self.file.readline() or b"-1", 16):
            if size < 0:
                raise EOFError("the answer was cut")
            yield self.file.read(size)
            self.file.readline()
        self.file.readline()

    def body(self):
        return b"".join(self.pieces())

    def json(self):
        return json.loads(self.body())

    def events(self):
        text = b""
        for piece in self.pieces():
            text += piece
            while b"\n\n" in text:
                event, text = text.split(b"\n\n", 1)
                fields = dict(line.split(": ", 1) for line in event.decode().split("\n"))
                yield fields["event"], json.loads(fields["data"])


def call(method, path, body=b"", headers=()):
    sock = connect()
    sock.sendall(request(method, path, body, headers))
    reply = Reply(sock)
    reply.value = reply.json() if reply.headers.get("content-type") == "application/json" \
        else reply.body()
    sock.close()
    return reply


def memory(pid):
    """Resident bytes of the server. A sanitizer keeps what was freed for a while: then it says
    nothing, and is always 0."""
    with open(f"/proc/{pid}/statm") as file:
        virtual, resident = (int(field) * 4096 for field in file.read().split()[:2])
    return 0 if virtual > 1 << 40 else resident


def stats():
    return call("GET", "/stats").value


def eventually(test, what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if test():
            return
        time.sleep(0.02)
    raise AssertionError(f"never happened: {what}; {stats()}")


def all_free():
    facts = stats()
    return facts["busy"] == 0 and facts["waiting"] == 0 and facts["idle"] == facts["pool_size"]
