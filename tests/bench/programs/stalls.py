# SPDX-License-Identifier: BSD-2-Clause
"""Stalls so many times a second, each time in a task of its own: `stalls.py RATE`. Answers `count`
with the stalls so far; ends with its input."""

import asyncio
import sys
import time

from commands import answer, commands

RATE = float(sys.argv[1])
LONG_S = 0.012


async def handler():
    time.sleep(LONG_S)


async def stall(counts):
    while True:
        await asyncio.create_task(handler(), name=f"request-{counts[0]}")
        counts[0] += 1
        await asyncio.sleep(1 / RATE - LONG_S)


async def main():
    counts = [0]
    task = asyncio.create_task(stall(counts))
    async for _ in commands():
        answer(count=counts[0])
    task.cancel()


asyncio.run(main())
