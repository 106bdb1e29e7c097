import asyncio, os

async def serve(reader, writer):
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()

async def main():
    path = "asyncio.sock"
    server = await asyncio.start_unix_server(serve, path)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"hello\n")
    print(await reader.read())
    writer.close()
    server.close()
    os.remove(path)

asyncio.run(main())
