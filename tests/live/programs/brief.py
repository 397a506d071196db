# SPDX-License-Identifier: BSD-2-Clause
"""Stalls three times, or N, for 30 ms and ends; says nothing on stdout, which may be the tool's.

    brief.py FILE [--stalls N] [--code N] [--wait] [--linger SECONDS]

Writes its stalls to FILE. With --wait it waits for a line before it even imports asyncio.
"""

import json
import os
import sys
import time


def _save(path, value):
    with open(path + ".new", "w") as file:
        json.dump(value, file)
    os.rename(path + ".new", path)


def blocking_work():
    time.sleep(0.030)


def main():
    path, options = sys.argv[1], sys.argv[2:]
    if "--wait" in options:
        _save(path, {"pid": os.getpid()})
        sys.stdin.readline()

    import asyncio

    stalls = []
    n_stalls = int(options[options.index("--stalls") + 1]) if "--stalls" in options else 3

    async def job():
        for _ in range(n_stalls):
            await asyncio.sleep(0.02)
            start = time.monotonic_ns()
            blocking_work()
            stalls.append((start, time.monotonic_ns()))
        if "--linger" in options:
            _save(path, {"pid": os.getpid(), "stalls": stalls})
            await asyncio.sleep(float(options[options.index("--linger") + 1]))

    asyncio.run(job())
    _save(path, {"pid": os.getpid(), "stalls": stalls})
    if "--code" in options:
        sys.exit(int(options[options.index("--code") + 1]))


if __name__ == "__main__":
    main()
