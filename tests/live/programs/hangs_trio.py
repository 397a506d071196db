# SPDX-License-Identifier: BSD-2-Clause
"""A loop of trio that gets stuck when it is told to, the second one on its thread.

    hangs_trio.py

Says "ready" in the first loop, waits for a line, says "stuck" with the time, the line number and
the names of those who have to wait, and hangs: in a step of the task "the-task", whose own scope
runs out meanwhile. Two tasks are in its batch, three become ready in its step, and one sleeps until
it is due, which it is SLEEP_S after the step began at the latest. One more is due after LATE_S, and
one not at all.
"""

import time

import protocol
import trio

LIFE_S = 60
SLEEP_S = 0.3
LATE_S = 2.5
READY = 2
RACERS = 3


def line_of(mark):
    with open(__file__) as f:
        return next(n for n, line in enumerate(f, 1) if line.rstrip().endswith("# " + mark))


async def first():
    protocol.say("ready")
    await trio.to_thread.run_sync(protocol.hear)
    for _ in range(20):
        await trio.sleep(0.001)


async def one_turn():
    pass


async def waiter(event):
    await event.wait()


async def sleeper(seconds):
    await trio.sleep(seconds)


async def race(nursery, start, event, is_over=[]):
    """The first of the batch to have its turn hangs."""
    await start.wait()
    if is_over:
        return
    is_over.append(True)
    trio.lowlevel.current_task().name = "the-task"
    with trio.move_on_after(SLEEP_S):
        for number in range(READY):
            nursery.start_soon(one_turn, name="ready-%d" % number)
        event.set()
        names = ["ready-%d" % number for number in range(READY)] + ["woken", "sleeper"]
        names += ["racer"] * (RACERS - 1)
        protocol.say("stuck", start_ns=time.monotonic_ns(), line=line_of("hang"),
                     sleep_ns=int(SLEEP_S * 1e9), late_ns=int(LATE_S * 1e9), names=sorted(names))
        time.sleep(LIFE_S)  # hang


async def main():
    await trio.sleep(0.3)  # by now the tool knows the loop
    start, event = trio.Event(), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiter, event, name="woken")
        nursery.start_soon(sleeper, SLEEP_S, name="sleeper")
        nursery.start_soon(sleeper, LATE_S, name="late")
        nursery.start_soon(sleeper, 1000, name="never")
        for _ in range(RACERS):
            nursery.start_soon(race, nursery, start, event, name="racer")
        await trio.sleep(0.05)
        start.set()


if __name__ == "__main__":
    trio.run(first)
    trio.run(main)
