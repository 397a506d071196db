# SPDX-License-Identifier: BSD-2-Clause
"""Makes a number of cheap steps when told to, and says what CPU time they took.

Usage: cheap_steps.py KIND. What a step does before it awaits sleep(0): "none" nothing; "work" some
6 us on objects, as a small handler would; "nap" sleeps through the loop, so that the thread leaves
the CPU each time.

`run STEPS` answers "done" with `steps` and `cpu_ns` of the loop's thread. Ends with its input.
"""

import asyncio
import sys
import time

import protocol

TASKS = 20


def work():
    table = {}
    for i in range(60):
        table[i * 7919] = [i, str(i)]
    return sum(row[0] for row in table.values())


async def one(kind, steps):
    for _ in range(steps):
        if kind == "work":
            work()
        await asyncio.sleep(0.0005 if kind == "nap" else 0)


async def run(kind, steps):
    # Tasks that nap run alone: one wake-up for each step.
    n_tasks = 1 if kind == "nap" else TASKS
    begin_ns = time.thread_time_ns()
    await asyncio.gather(*(one(kind, steps // n_tasks) for _ in range(n_tasks)))
    protocol.say("done", steps=steps, cpu_ns=time.thread_time_ns() - begin_ns)


async def main(kind):
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0)
    protocol.say("ready")
    while True:
        line = await protocol.hear_in_loop(loop)
        if not line:
            return
        await run(kind, int(line.split()[1]))


asyncio.run(main(sys.argv[1]))
