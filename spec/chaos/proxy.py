"""proxy.py - stands between the library and a Docker Engine, and misbehaves on command.

    python3 proxy.py ENGINE_SOCKET FOLDER

Listens on FOLDER/proxy.sock and on a port of the loopback, which FOLDER/port names. What it does
is the word in FOLDER/mode, read whenever something arrives:
  pass     carries both ways
  stall    carries nothing, until the word changes
  refuse   closes whatever is there and whatever comes
  error    answers each request with status 500
  garbage  answers each request with random bytes, and puts some into the streams that are open
  half     closes each connection in the middle of an answer
  frames   puts what a hostile agent could send into the streams of containers
"""
import asyncio
import os
import random
import sys

import frames

engine, folder = sys.argv[1:]
ERROR = (b'HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n'
         b'Content-Length: 21\r\n\r\n{"message":"no luck"}')


def mode():
    try:
        with open(folder + "/mode") as file:
            return file.read().strip() or "pass"
    except FileNotFoundError:
        return "pass"


async def not_while(word):
    while mode() == word:
        await asyncio.sleep(0.05)


async def ask(reader, writer, answerer, link):
    """The way to the engine. What is asked while the mode says so is answered here: the engine
    never hears of it."""
    try:
        while piece := await reader.read(65536):
            await not_while("stall")
            now = mode()
            if now == "refuse":
                break
            if now in ("error", "garbage"):
                await misanswer(answerer, now)
                continue
            if not link and piece.startswith(b"POST ") and b"/attach?" in piece.split(b"\r\n")[0]:
                link.append(frames.Stream())
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def answer(reader, writer, link):
    """The way back. link has the stream of a container, if it is one."""
    try:
        while piece := await reader.read(65536):
            await not_while("stall")
            now, is_end = mode(), False
            if now == "refuse":
                break
            if link:
                piece, is_end = link[0].feed(piece, lambda: mode() == "frames")
            if now == "garbage":
                piece = random.randbytes(64) + piece
            if now == "half":
                piece, is_end = piece[:len(piece) // 2], True
            writer.write(piece)
            await writer.drain()
            if is_end:
                break
    except OSError:
        pass
    finally:
        writer.close()


async def misanswer(writer, how):
    writer.write(ERROR if how == "error" else random.randbytes(300))
    await writer.drain()


async def watch(writers):
    """A refusal ends the connections on which nothing arrives, too."""
    while not any(writer.is_closing() for writer in writers):
        if mode() == "refuse":
            for writer in writers:
                writer.close()
        await asyncio.sleep(0.1)


async def accept(reader, writer):
    await not_while("stall")
    if mode() == "refuse":
        writer.close()
        return
    try:
        there = await asyncio.open_unix_connection(engine)
    except OSError:
        writer.close()
        return
    link = []
    await asyncio.gather(ask(reader, there[1], writer, link), answer(there[0], writer, link),
                         watch((writer, there[1])))


async def main():
    await asyncio.start_unix_server(accept, folder + "/proxy.sock")
    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    with open(folder + "/port.new", "w") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    os.rename(folder + "/port.new", folder + "/port")
    await asyncio.Event().wait()


asyncio.run(main())
