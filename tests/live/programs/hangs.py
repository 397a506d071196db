# SPDX-License-Identifier: BSD-2-Clause
"""A loop that gets stuck when it is told to, in a step of the task "the-task", and stays there.

    hangs.py sleep|lock|compute|allocate [--loop asyncio|uvloop]

Says "ready", waits for a line, says "stuck" with the time and the line number, and hangs.
"""

import argparse
import asyncio
import sys
import threading
import time

import protocol

LIFE_S = 60
# So much that a limit of 64 MiB ends it within a second, and no machine is harmed without one.
CHUNKS = 128
CHUNK_BYTES = 2 << 20


def line_of(mark):
    with open(__file__) as f:
        return next(n for n, line in enumerate(f, 1) if line.rstrip().endswith("# " + mark))


def say_stuck(mark):
    protocol.say("stuck", start_ns=time.monotonic_ns(), line=line_of(mark))


async def sleep():
    say_stuck("sleep")
    time.sleep(LIFE_S)  # sleep


async def lock():
    lock = threading.Lock()
    lock.acquire()
    say_stuck("lock")
    lock.acquire(timeout=LIFE_S)  # lock


async def compute():
    now, end = time.monotonic, time.monotonic() + LIFE_S
    say_stuck("compute")
    while now() < end: pass  # compute


async def allocate():
    chunks = []
    say_stuck("allocate")
    for _ in range(CHUNKS): chunks.append(b"x" * CHUNK_BYTES), time.sleep(0.025)  # allocate


SHAPES = {f.__name__: f for f in (sleep, lock, compute, allocate)}


async def tick():
    while True:
        await asyncio.sleep(0.01)


async def main(shape):
    loop = asyncio.get_running_loop()
    ticker = loop.create_task(tick())
    protocol.say("ready")
    await protocol.hear_in_loop(loop)
    task = loop.create_task(SHAPES[shape]())
    task.set_name("the-task")
    await task
    ticker.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    args = parser.parse_args()
    if args.loop == "uvloop":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main(args.shape))
