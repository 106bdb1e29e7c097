import asyncio, sys

async def one(number):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import sys; print(input() * 2); sys.exit(%d)" % number,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate(b"x%d\n" % number)
    return out, process.returncode

async def main():
    print(await asyncio.gather(*(one(i) for i in range(3))))
    loop = asyncio.get_running_loop()
    print(await loop.run_in_executor(None, sum, [1, 2, 3]))
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.01)
    except asyncio.TimeoutError:
        print("timeout")
    task = asyncio.create_task(asyncio.sleep(10))
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("cancelled", task)

asyncio.run(main())
