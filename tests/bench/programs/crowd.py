# SPDX-License-Identifier: BSD-2-Clause
"""Many tasks that live long and step now and then: what a dashboard of tasks has to cope with.

Usage: crowd.py TASKS RATE. Each task waits for a future of its own; a timer wakes the next few so
often that all together make RATE steps a second. Answers when all are waiting. `usage` answers with
steps, CPU and wall time so far.
"""

import asyncio
import sys
import time

from commands import answer, commands

PERIOD = 0.002
MOST_AT_ONCE = 1000  # a loop that was held up does not make up for all of it


class Crowd:
    def __init__(self, tasks, rate):
        self.rate, self.steps = rate, 0
        self.waiting = [None] * tasks
        self.tasks = [asyncio.ensure_future(KINDS[i % len(KINDS)](self, i)) for i in range(tasks)]
        self.next = 0
        self.debt, self.last = 0.0, 0.0
        self.timer = None

    def wait(self, number):
        self.waiting[number] = future = asyncio.get_running_loop().create_future()
        return future

    def begin(self):
        self.last = time.perf_counter()
        self.wake()

    def wake(self):
        now = time.perf_counter()
        self.debt += (now - self.last) * self.rate
        self.last = now
        due = min(int(self.debt), MOST_AT_ONCE)
        self.debt = min(self.debt - due, 1.0)
        for number in range(self.next, self.next + due):
            self.waiting[number % len(self.waiting)].set_result(None)
        self.next = (self.next + due) % len(self.waiting)
        self.steps += due
        self.timer = asyncio.get_running_loop().call_later(PERIOD, self.wake)


def kind_of(name):
    async def work(crowd, number):
        while True:
            await crowd.wait(number)

    # What the interpreter calls it, and whoever looks from outside.
    code = work.__code__
    names = {key: name for key in ("co_name", "co_qualname") if hasattr(code, key)}
    work.__code__ = code.replace(**names)
    work.__name__ = work.__qualname__ = name
    return work


KINDS = [kind_of(name) for name in
         ("consume", "deliver", "fetch", "handle", "index", "poll", "publish", "relay",
          "sync", "watch")]


async def main():
    crowd = Crowd(int(sys.argv[1]), float(sys.argv[2]))
    await asyncio.sleep(0)
    crowd.begin()
    answer(tasks=len(crowd.tasks))
    begin = time.perf_counter_ns()
    async for _ in commands():
        answer(steps=crowd.steps, cpu_ns=time.process_time_ns(),
               wall_ns=time.perf_counter_ns() - begin)
    crowd.timer.cancel()


asyncio.run(main())
