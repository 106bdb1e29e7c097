import asyncio
async def forever():
    try:
        await asyncio.sleep(60)
    finally:
        print("cancelled")
async def main():
    asyncio.ensure_future(forever())
    await asyncio.sleep(0)
asyncio.run(main())
