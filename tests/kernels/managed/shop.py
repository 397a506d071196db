# SPDX-License-Identifier: BSD-2-Clause
"""A service with a known stall: each step of fetch() sleeps for 50 ms. At SIGUSR1 a step hangs for
three seconds.

Prints a line of JSON when it is ready, and one at the beginning of each hang.
"""

import asyncio
import json
import signal
import time


def say(event):
    print(json.dumps({"event": event, "ns": time.monotonic_ns()}), flush=True)


async def fetch():
    time.sleep(0.05)


async def hang():
    say("hangs")
    time.sleep(3)


async def main():
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lambda: loop.create_task(hang(), name="hanger"))
    say("ready")
    while True:
        await asyncio.sleep(0.2)
        await loop.create_task(fetch(), name="fetcher")


asyncio.run(main())
