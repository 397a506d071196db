# SPDX-License-Identifier: BSD-2-Clause
"""asyncio's loop, and a fork server of multiprocessing that polls and forks a child now and then.

Prints "ready" with the pid of the fork server, forks after a line, prints "done".
"""

import asyncio
import multiprocessing
import multiprocessing.forkserver
import os

import protocol


async def main():
    context = multiprocessing.get_context("forkserver")
    multiprocessing.forkserver.ensure_running()
    server = multiprocessing.forkserver._forkserver._forkserver_pid
    await asyncio.sleep(0.5)
    protocol.say("ready", server=server)
    loop = asyncio.get_running_loop()
    await protocol.hear_in_loop(loop)
    for _ in range(5):
        child = context.Process(target=os.getpid)
        child.start()
        await loop.run_in_executor(None, child.join)
        await asyncio.sleep(0.1)
    protocol.say("done")
    await protocol.hear_in_loop(loop)


if __name__ == "__main__":
    asyncio.run(main())
