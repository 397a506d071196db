# SPDX-License-Identifier: BSD-2-Clause
"""Stalls again and again in a function of the file that it is given.

    endless_source.py FILE
"""

import asyncio
import sys
import time

import protocol


async def stall():
    while True:
        await asyncio.sleep(0.01)
        time.sleep(0.03)


stall.__code__ = stall.__code__.replace(co_filename=sys.argv[1], co_firstlineno=5)
protocol.say("ready")
asyncio.run(stall())
