# SPDX-License-Identifier: BSD-2-Clause
"""A loop that does nothing but steps: the worst case for whoever has to time each of them.

Usage: steps.py [IDLE [LOOPS [THREADS]]]. IDLE tasks wait for ever beside those that work; with
LOOPS the work is spread over as many loops in threads of their own; THREADS threads sleep and wake
ten times a second.

`run TASKS STEPS` awaits sleep(0) STEPS times in all and answers with its own CPU and wall time.
`pace TASKS RATE SECONDS` makes RATE steps a second for a while, from timers.
"""

import asyncio
import sys
import threading
import time

from commands import answer, commands


async def yielder(steps):
    for _ in range(steps):
        await asyncio.sleep(0)


def start_loops(count):
    loops = [asyncio.new_event_loop() for _ in range(count)]
    for loop in loops:
        threading.Thread(target=loop.run_forever, daemon=True).start()
    return loops


def nap():
    while True:
        time.sleep(0.1)


async def yielders(tasks, steps):
    await asyncio.gather(*[yielder(steps // tasks) for _ in range(tasks)])


async def run_in_loops(tasks, steps):
    wall_ns, cpu_ns = time.perf_counter_ns(), time.process_time_ns()
    work = [asyncio.run_coroutine_threadsafe(yielders(tasks, steps // len(LOOPS)), loop)
            for loop in LOOPS]
    for future in work:
        await asyncio.wrap_future(future)
    cpu_ns, wall_ns = time.process_time_ns() - cpu_ns, time.perf_counter_ns() - wall_ns
    answer(steps=(steps // len(LOOPS) // tasks + 1) * tasks * len(LOOPS), cpu_ns=cpu_ns,
           wall_ns=wall_ns)


async def run(tasks, steps):
    if LOOPS:
        await run_in_loops(tasks, steps)
        return
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


async def main(idle, threads):
    waiting = [asyncio.ensure_future(asyncio.Event().wait()) for _ in range(idle)]
    for _ in range(threads):
        threading.Thread(target=nap, daemon=True).start()
    await asyncio.sleep(0)
    answer(ready=True)
    async for name, *arguments in commands():
        await {"run": run, "pace": pace}[name](*map(int, arguments))
    for task in waiting:
        task.cancel()


IDLE, LOOP_COUNT, THREADS = (list(map(int, sys.argv[1:])) + [0, 0, 0])[:3]
LOOPS = start_loops(LOOP_COUNT)
asyncio.run(main(IDLE, THREADS))
