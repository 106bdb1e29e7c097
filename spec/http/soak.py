"""Some time of everything with clients that go at any moment; then descriptors, memory, and
containers are where they were."""
import asyncio
import os
import random
import sys
import time

import aiohttp

from raw import URL, all_free, eventually, memory

PID, SECONDS = int(sys.argv[2]), float(sys.argv[3])
choose = random.Random(11)


def descriptors():
    return len(os.listdir(f"/proc/{PID}/fd"))


def work():
    pool = "/pool/execute?tool_name=shell_executor" + choose.choice(("", "", "&stream=1"))
    return choose.choice((
        ("POST", pool, {"command": "echo x"}),
        ("POST", pool, {"command": "sleep 0.2"}),
        ("POST", pool, {"command": "head -c 300000 /dev/zero | tr '\\0' x; sleep 0.1"}),
        ("POST", pool, {"command": "exit 3"}),
        ("POST", pool, {"nope": 1}),
        ("GET", "/health", None), ("GET", "/stats", None), ("GET", "/metrics", None),
        ("GET", "/openapi.json", None), ("GET", "/nope", None)))


async def client(session, end):
    while time.monotonic() < end:
        method, path, body = work()
        patience = choose.choice((0.005, 0.05, 0.3, 30))
        try:
            async with session.request(method, URL + path, json=body,
                                       timeout=aiohttp.ClientTimeout(total=patience)) as reply:
                await reply.read()
        except (asyncio.TimeoutError, aiohttp.ClientError):
            pass


async def soak(seconds):
    end = time.monotonic() + seconds
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(client(session, end) for _ in range(24)))


asyncio.run(soak(SECONDS / 3))
eventually(all_free, "every sandbox is free")
before, used = descriptors(), memory(PID)
asyncio.run(soak(SECONDS))
eventually(all_free, "every sandbox is free")
eventually(lambda: descriptors() <= before, f"{before} descriptors again")
assert memory(PID) < used + (16 << 20), (used, memory(PID))
print("fine")
