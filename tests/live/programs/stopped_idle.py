# SPDX-License-Identifier: BSD-2-Clause
"""A loop that waits for a timer, again and again, and does nothing else.

    stopped_idle.py SECONDS [--loop asyncio|uvloop]

Prints "ready", waits for a line, prints "done" with each time that the timer was late.
"""

import argparse
import asyncio
import time

import protocol

LATE_NS = 50_000_000
LATES = []


async def beat(seconds):
    while True:
        due_ns = time.monotonic_ns() + int(seconds * 1e9)
        await asyncio.sleep(seconds)
        now_ns = time.monotonic_ns()
        if now_ns - due_ns > LATE_NS:
            LATES.append({"start_ns": due_ns, "duration_ns": now_ns - due_ns})


async def main(loop, seconds):
    task = loop.create_task(beat(seconds), name="beat")
    await asyncio.sleep(0.2)
    protocol.say("ready")
    await protocol.hear_in_loop(loop)
    task.cancel()
    return LATES


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", type=float)
    parser.add_argument("--loop", default="asyncio")
    args = parser.parse_args()
    event_loop = protocol.new_loop(args.loop)
    protocol.say("done", lates=protocol.run(event_loop, main(event_loop, args.seconds)))
    protocol.hear()
