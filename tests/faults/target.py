# SPDX-License-Identifier: BSD-2-Clause
"""What the sweeps look at: two coroutines that block their loop in turn, tasks that wait. Prints
"ready" first."""

import asyncio
import time


async def waits(event):
    await event.wait()


async def sleeps():
    time.sleep(0.02)


async def computes():
    end = time.monotonic() + 0.02
    while time.monotonic() < end:
        pass


async def main():
    tasks = [asyncio.ensure_future(waits(asyncio.Event())) for _ in range(5)]
    print("ready", flush=True)
    while tasks:
        await asyncio.ensure_future(sleeps())
        await asyncio.sleep(0.03)
        await asyncio.ensure_future(computes())
        await asyncio.sleep(0.03)


if __name__ == "__main__":
    asyncio.run(main())
