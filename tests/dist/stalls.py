# SPDX-License-Identifier: BSD-2-Clause
"""A service with one known stall, again and again: 30 ms of time.sleep() on the marked line."""

import asyncio
import time


async def fetch_rate():
    time.sleep(0.03)  # the stall


async def main():
    while True:
        await fetch_rate()
        await asyncio.sleep(0.02)


asyncio.run(main())
