import asyncio
async def main():
    await asyncio.sleep(0.01)
    process = await asyncio.create_subprocess_exec("echo", "hi", stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    print(out, process.returncode)
asyncio.run(main())
