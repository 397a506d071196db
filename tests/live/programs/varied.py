# SPDX-License-Identifier: BSD-2-Clause
"""A service whose steps vary as those of real ones do, and of which one part can be made slower.

    varied.py SECONDS [NAME FACTOR]

Each part does a fixed amount of work times a random factor: it takes what the machine needs for it.
NAME: parse, pack, render, query, refresh (a callback).
"""

import asyncio
import json
import random
import sys
import time
import zlib

SECONDS = float(sys.argv[1])
SLOWER = dict([(sys.argv[2], float(sys.argv[3]))]) if len(sys.argv) > 2 else {}
DATA = bytes(random.Random(1).choices(b"abcdefgh", k=1 << 20))
ROWS = [{"id": i, "name": "row %d" % i} for i in range(100)]


def amount(name, usual, sd=0.3):
    return max(1, int(usual * random.lognormvariate(0, sd) * SLOWER.get(name, 1)))


async def every(pause, work, end):
    while time.monotonic() < end:
        work()
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))


def count(n):
    total = 0
    for i in range(n):
        total += i * i
    return total


async def parse(end):
    await every(0.008, lambda: count(amount("parse", 20000)), end)


async def pack(end):
    await every(0.02, lambda: zlib.compress(DATA[:amount("pack", 60000)]), end)


async def render(end):
    await every(0.01, lambda: [json.dumps(ROWS) for _ in range(amount("render", 15))], end)


async def query(end):
    await every(0.06, lambda: time.sleep(0.012 * amount("query", 100, 0.1) / 100), end)


async def tick(end):
    await every(0.005, lambda: None, end)


def refresh(loop, end):
    count(amount("refresh", 500000, 0.1))
    if time.monotonic() < end:
        loop.call_later(0.2, refresh, loop, end)


async def main():
    end = time.monotonic() + SECONDS
    loop = asyncio.get_running_loop()
    loop.call_later(0.05, refresh, loop, end)
    await asyncio.gather(parse(end), pack(end), render(end), query(end), tick(end), tick(end))


asyncio.run(main())
