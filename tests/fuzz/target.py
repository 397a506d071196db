# SPDX-License-Identifier: BSD-2-Clause
"""What fuzz_memory reads: tasks that wait in all the ways there are, an executor, threads. Prints
"ready" and stands still, so that two runs of the same input read the same."""

import asyncio
import sys
import threading


async def inner(event):
    await event.wait()


async def generator(event):
    await inner(event)
    yield 1


async def outer(event):
    async for _ in generator(event):
        pass


async def gathered(event):
    await asyncio.gather(*[outer(event) for _ in range(3)])


async def shielded(event):
    await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(inner(event))), 1e6)


async def main():
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    stop = threading.Event()
    threading.Thread(target=stop.wait, name="n\xe4me", daemon=True).start()
    tasks = [asyncio.ensure_future(f(event)) for f in (inner, outer, gathered, shielded) * 3]
    tasks.append(asyncio.ensure_future(asyncio.sleep(1e6)))
    tasks.append(loop.run_in_executor(None, stop.wait))
    tasks.append(asyncio.ensure_future(asyncio.wait([asyncio.ensure_future(inner(event))])))
    await asyncio.sleep(0.1)
    print("ready", flush=True)
    await asyncio.wait(tasks)


if __name__ == "__main__":
    sys.setrecursionlimit(500)
    asyncio.run(main())
