"""Many at once: 500 callers over four sandboxes, full queues, connections and requests at their
limits, waits that end."""
import asyncio
import sys
import time

import aiohttp

from raw import URL, all_free, call, connect, eventually, request, Reply

CALL = "/pool/execute?tool_name=shell_executor"


async def post(session, path, command, timeout=60):
    async with session.post(URL + path, json={"command": command},
                            timeout=aiohttp.ClientTimeout(total=timeout)) as reply:
        return reply.status, await reply.json(), reply.headers


async def crowd(session):
    """Each gets its own answer, and none waits much longer than those who came with it."""
    began, ended = time.monotonic(), {}

    async def one(i):
        status, result, _ = await post(session, CALL, ["echo", str(i)])
        assert status == 200 and result["output"] == f"{i}\n", result
        ended[i] = time.monotonic() - began
    await asyncio.gather(*(one(i) for i in range(500)))
    assert len(ended) == 500


class Busy:
    """So many callers with programs that do not end, until the block is left. test(stats) says
    that they have all come."""

    def __init__(self, session, path, count, test):
        self.session, self.path, self.count, self.test = session, path, count, test

    async def __aenter__(self):
        self.tasks = [asyncio.create_task(post(self.session, self.path, ["sleep", "1000"], 200))
                      for _ in range(self.count)]
        await sees(self.session, self.test)
        return self.tasks

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await sees(self.session, lambda facts: facts["busy"] == 0 and facts["waiting"] == 0)


async def sees(session, test):
    end = time.monotonic() + 30
    while True:
        async with session.get(URL + "/stats") as reply:
            facts = await reply.json()
        if test(facts):
            return
        assert time.monotonic() < end, facts
        await asyncio.sleep(0.02)


def waits(count, pool="default"):
    return lambda facts: facts["pools"][pool]["waiting"] == count


async def full_queue(session):
    """Pool "small": one sandbox, two may wait."""
    async with Busy(session, CALL + "&pool=small", 3, waits(2, "small")):
        status, value, headers = await post(session, CALL + "&pool=small", ["echo", "x"])
        assert status == 503 and value["code"] == "exhausted", (status, value)
        assert int(headers["Retry-After"]) >= 1


async def short_waits(session):
    async with Busy(session, CALL, 4, lambda facts: facts["busy"] == 4):
        for query, least in (("&timeout=0", 0), ("&timeout=0.3", 0.25)):
            began = time.monotonic()
            status, value, _ = await post(session, CALL + query, ["echo", "x"])
            assert status == 408 and value["detail"], (status, value)
            assert time.monotonic() - began >= least


async def gone_while_waiting(session):
    """Those who go leave the queue, while the sandboxes are still busy."""
    async with Busy(session, CALL, 4, lambda facts: facts["busy"] == 4):
        waiting = [asyncio.create_task(post(session, CALL, ["sleep", "1000"], 200))
                   for _ in range(100)]
        await sees(session, waits(100))
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await sees(session, lambda facts: facts["waiting"] == 0 and facts["busy"] == 4)


async def makers(session):
    """No more sandboxes than allowed (8 and the pools), whoever asks at the same time."""
    async def make():
        async with session.post(URL + "/sandbox/create?sandbox_type=fake", json={}) as reply:
            return reply.status, await reply.json()
    made = await asyncio.gather(*(make() for _ in range(40)))
    ids = [value["sandbox_id"] for status, value in made if status == 200]
    assert len(ids) == 8, len(ids)
    assert all(status in (200, 400) for status, _ in made)
    for one in ids:
        async with session.delete(URL + "/sandbox/" + one) as reply:
            assert reply.status == 200


def limits():
    """20 requests a connection; a connection without traffic ends after a second."""
    sock = connect()
    for turn in range(20):
        sock.sendall(request("GET", "/health"))
        reply = Reply(sock)
        assert reply.json()["healthy"]
        assert (reply.headers.get("connection") == "close") == (turn == 19), turn
    assert sock.recv(1) == b""
    for data in (b"", b"GET /hea", request("POST", CALL, b"{}")[:-1]):
        sock, began = connect(), time.monotonic()
        sock.sendall(data)
        while sock.recv(1000):
            pass
        assert 0.5 < time.monotonic() - began < 10, (data, time.monotonic() - began)


async def main():
    for pool, size in (("default", 4), ("small", 1)):
        assert call("POST", f"/pool/initialize?sandbox_type=fake&pool={pool}&pool_size={size}"
                    + ("&max_waiters=2" if pool == "small" else ""), {}).status == 200
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        for part in (crowd, full_queue, short_waits, gone_while_waiting, makers):
            await part(session)
    limits()
    eventually(all_free, "every sandbox is free")


def slow():
    """A byte now and then is traffic; still a head and a body end after four seconds, but not a
    body that goes on at some speed."""
    body = b"{" + b" " * 13000 + b"}"
    whole = request("POST", CALL, body)
    head, thin, steady = connect(), connect(), connect()
    for sock, data in ((head, b"GET /health HTTP/1.1\r\nX: "), (thin, whole[:-len(body)]),
                       (steady, whole[:-len(body)])):
        sock.setblocking(False)
        sock.send(data)
    began, open_ones, ended = time.monotonic(), {head, thin}, {}
    while open_ones or body:
        time.sleep(0.2)
        took = time.monotonic() - began
        assert took < 60, open_ones
        steady.send(body[:500])
        body = body[500:]
        for sock in list(open_ones):
            try:
                if sock.recv(1000) == b"":
                    raise ConnectionResetError
            except BlockingIOError:
                sock.send(b" ")
            except (ConnectionResetError, BrokenPipeError):
                ended[sock] = took
                open_ones.discard(sock)
    assert min(ended.values()) > 3.9, ended
    steady.settimeout(60)
    assert Reply(steady).status == 400  # it was read to its end


def ten_connections():
    """Those above the limit wait until others have gone."""
    socks = [connect() for _ in range(20)]
    for sock in socks:
        sock.sendall(request("GET", "/health"))
    for sock in socks[:10]:
        assert Reply(sock).status == 200
    for sock in socks[10:]:
        sock.settimeout(0.05)
        try:
            raise AssertionError(f"served above the limit: {sock.recv(100)}")
        except TimeoutError:
            sock.settimeout(60)
    for sock in socks[:10]:
        sock.close()
    for sock in socks[10:]:
        assert Reply(sock).status == 200


def many_bodies():
    """100 KB of bodies at a time: one of 60 KB, not two."""
    data = request("POST", CALL, b"{" + b" " * 60000 + b"}")
    first, second = connect(), connect()
    first.sendall(data[:-1])
    time.sleep(0.3)
    second.sendall(data)
    reply = Reply(second)
    assert reply.status == 503 and reply.headers["retry-after"], reply.status
    assert reply.json()["code"] == "exhausted"
    first.sendall(data[-1:])
    assert Reply(first).status == 400
    third = connect()
    third.sendall(data)
    assert Reply(third).status == 400
    for sock in (first, second, third):
        sock.close()


if len(sys.argv) > 2 and sys.argv[2] == "ten":
    ten_connections()
    many_bodies()
elif len(sys.argv) > 2 and sys.argv[2] == "slow":
    slow()
elif len(sys.argv) > 2 and sys.argv[2] == "ipv6":
    assert URL.startswith("http://[::1]:") and call("GET", "/health").value["healthy"]
else:
    asyncio.run(main())
print("fine")
