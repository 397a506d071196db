# SPDX-License-Identifier: BSD-2-Clause
"""A loop that does nothing but steps: the worst case for whoever has to time each of them.

`run TASKS STEPS` awaits sleep(0) STEPS times in all and answers with its own CPU and wall time.
`pace TASKS RATE SECONDS` makes RATE steps a second for a while, from timers.
"""

import asyncio
import time

from commands import answer, commands


async def yielder(steps):
    for _ in range(steps):
        await asyncio.sleep(0)


async def run(tasks, steps):
    workers = [asyncio.ensure_future(yielder(steps // tasks)) for _ in range(tasks)]
    wall_ns, cpu_ns = time.perf_counter_ns(), time.thread_time_ns()
    for worker in workers:
        await worker
    cpu_ns, wall_ns = time.thread_time_ns() - cpu_ns, time.perf_counter_ns() - wall_ns
    # Each worker has a last step of its own, which returns.
    answer(steps=steps // tasks * tasks + tasks, cpu_ns=cpu_ns, wall_ns=wall_ns)


async def pacer(first, period, end):
    steps, due = 1, first
    while due < end:
        await asyncio.sleep(max(0, due - time.perf_counter()))
        steps += 1
        due += period
    return steps


async def pace(tasks, rate, seconds):
    begin, cpu_ns = time.perf_counter(), time.thread_time_ns()
    period = tasks / rate
    workers = [asyncio.ensure_future(pacer(begin + i * period / tasks, period, begin + seconds))
               for i in range(tasks)]
    steps = sum([await worker for worker in workers])
    answer(steps=steps, cpu_ns=time.thread_time_ns() - cpu_ns,
           wall_ns=int((time.perf_counter() - begin) * 1e9))


async def main():
    answer(ready=True)
    async for name, *arguments in commands():
        await {"run": run, "pace": pace}[name](*map(int, arguments))


asyncio.run(main())
