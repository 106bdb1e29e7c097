import asyncio

async def fails():
    raise ValueError("in a task")

async def main():
    task = asyncio.create_task(fails())
    await asyncio.sleep(0.01)
    del task
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0.01)
    raise KeyError("in main")

asyncio.run(main())
