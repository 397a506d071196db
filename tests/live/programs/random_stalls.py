# SPDX-License-Identifier: BSD-2-Clause
"""Stalls of random lengths and of all kinds, until it is killed. Each is in a log that outlives it.

    random_stalls.py LOG SEED
"""

import asyncio
import os
import random
import sys
import threading
import time

import protocol


def sleep(seconds):
    time.sleep(seconds)


def compute(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def lock(seconds):
    held = threading.Lock()
    held.acquire()
    held.acquire(timeout=seconds)


def note(log, word):
    """One write each: a kill leaves whole lines."""
    os.write(log, b"%s %d\n" % (word, time.monotonic_ns()))


async def stall(log, shape, seconds):
    note(log, b"begin")
    shape(seconds)
    note(log, b"end")


async def main(log, chance):
    protocol.say("ready")
    await protocol.hear_in_loop(asyncio.get_running_loop())
    while True:
        await asyncio.sleep(chance.uniform(0.0, 0.05))
        shape = chance.choice((sleep, compute, lock))
        # Each in a task, and so in a step, of its own.
        await asyncio.create_task(stall(log, shape, chance.choice((0.02, 0.3, 1.1, 2.0))))


if __name__ == "__main__":
    asyncio.run(
        main(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600), random.Random(int(sys.argv[2])))
    )
