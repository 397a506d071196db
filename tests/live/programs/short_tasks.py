# SPDX-License-Identifier: BSD-2-Clause
"""A task of its own for each stall, gone when the stall is over: one each 50 ms for a time, by
turns a sleep and a computation.

    short_tasks.py [--loop asyncio|uvloop] SECONDS

Told "go" it begins, and answers "done" with the names and times of its stalls.
"""

import argparse
import asyncio
import time

import protocol

STALL_S = 0.015
PAUSE_S = 0.035


def compute():
    end = time.monotonic_ns() + int(STALL_S * 1e9)
    while time.monotonic_ns() < end:
        pass


async def _job(number, stalls):
    start = time.monotonic_ns()
    if number % 2:
        time.sleep(STALL_S)
    else:
        compute()
    stalls.append(("job-%d" % number, start, time.monotonic_ns()))


async def _run(seconds):
    stalls = []
    protocol.say("ready")
    loop = asyncio.get_running_loop()
    await protocol.hear_in_loop(loop)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        number = len(stalls)
        await loop.create_task(_job(number, stalls), name="job-%d" % number)
        await asyncio.sleep(PAUSE_S)
    protocol.say("done", stalls=stalls)
    await protocol.hear_in_loop(loop)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", default="asyncio")
    parser.add_argument("seconds", type=float)
    args = parser.parse_args()
    protocol.run(protocol.new_loop(args.loop), _run(args.seconds))


if __name__ == "__main__":
    main()
