# SPDX-License-Identifier: BSD-2-Clause
"""Stalls for 2 ms in each of so many coroutines of its own, five times: `many_names.py COUNT`. Says
{"done": true}; ends with its input. For the number of series that `serve` serves."""

import asyncio
import sys
import time

from commands import answer, commands

COUNT = int(sys.argv[1])
# Each with a name and a line of its own.
SOURCE = "".join(
    "async def handler_%d(sleep):\n    sleep(0.002)\n" % number for number in range(COUNT)
)


async def main():
    names = {}
    exec(compile(SOURCE, "/srv/app/handlers.py", "exec"), names)
    handlers = [names["handler_%d" % number] for number in range(COUNT)]
    async for _ in commands():
        for _ in range(5):
            for handler in handlers:
                await asyncio.create_task(handler(time.sleep))
        answer(done=True)


asyncio.run(main())
