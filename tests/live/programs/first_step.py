# SPDX-License-Identifier: BSD-2-Clause
"""Stalls for 30 ms in the very first step of its loop, as early as a program can, and ends.

    first_step.py FILE

Writes the stall to FILE. Imports nothing before asyncio that asyncio would not import itself.
"""

import asyncio
import sys
import time


def blocking_work():
    time.sleep(0.030)


async def job():
    start = time.monotonic_ns()
    blocking_work()
    return start, time.monotonic_ns()


stall = asyncio.run(job())
with open(sys.argv[1], "w") as file:
    file.write("%d %d" % stall)
