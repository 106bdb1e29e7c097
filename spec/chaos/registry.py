"""registry.py - stands between a Docker Engine and a registry, and cuts layers in the middle.

    python3 registry.py PORT FOLDER

Listens on a port of the loopback, which FOLDER/registry names. While FOLDER/cut exists, a
connection ends as soon as it has carried a mebibyte to the engine; FOLDER/cuts counts those.
"""
import asyncio
import os
import sys

port, folder = sys.argv[1:]
ENOUGH = 1 << 20
cuts = 0


def write(name, text):
    with open(folder + "/" + name + ".new", "w") as file:
        file.write(text)
    os.rename(folder + "/" + name + ".new", folder + "/" + name)


def note_cut():
    global cuts
    cuts += 1
    write("cuts", str(cuts))


async def carry(reader, writer, is_answer):
    carried = 0
    try:
        while piece := await reader.read(65536):
            carried += len(piece)
            if is_answer and carried > ENOUGH and os.path.exists(folder + "/cut"):
                note_cut()
                break
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def accept(reader, writer):
    there = await asyncio.open_connection("127.0.0.1", int(port))
    await asyncio.gather(carry(reader, there[1], False), carry(there[0], writer, True))


async def main():
    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    write("registry", "127.0.0.1:%d" % server.sockets[0].getsockname()[1])
    await asyncio.Event().wait()


asyncio.run(main())
