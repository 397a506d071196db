# SPDX-License-Identifier: BSD-2-Clause
"""Tasks that do as they are told, and say what each of them did.

    tasks.py [--loop asyncio|uvloop] [--workers N]

Prints "ready" in the loop, then takes orders from its input: "naps ROUNDS NS" has each worker take
ROUNDS + 1 steps that sleep NS each, "burns ROUNDS NS" compute, "crowd N" has N tasks wait behind
one long step, "eager NS" has a step of the first worker run another inside (3.12), "end N" ends the
first N workers. Each is answered with "done": what each worker did.
"""

import argparse
import asyncio
import sys
import threading
import time

import protocol

QUIET_S = 0.06  # longer than the kernel side keeps totals back


class Worker:
    def __init__(self, loop, number):
        self.steps = 0
        self.busy_ns = 0
        self.order = loop.create_future()
        self.done = None
        self.work = None
        self.task = loop.create_task(self.run(loop), name="worker-%d" % number)

    def step(self, work):
        begin = time.monotonic_ns()
        self.steps += 1
        work()
        self.busy_ns += time.monotonic_ns() - begin

    async def run(self, loop):
        self.step(lambda: None)
        while True:
            rounds, work = await self.order
            self.order = loop.create_future()
            for _ in range(rounds):
                self.step(work)
                await asyncio.sleep(0)
            self.step(work)
            self.done.set_result(None)
            if rounds < 0:
                return

    def tell(self, loop, rounds, work):
        self.done = loop.create_future()
        self.order.set_result((rounds, work))
        return self.done


def nap(ns):
    time.sleep(ns / 1e9)


def burn(ns):
    end = time.thread_time_ns() + ns
    while time.thread_time_ns() < end:
        pass


async def crowd_member(gate):
    await gate
    await asyncio.sleep(0)


async def late_member():
    await asyncio.sleep(0.001)


async def newcomer():
    pass


async def crowd(loop, n):
    """One step during which `n` tasks are ready, some sleepers become due and some tasks have not
    begun."""
    gate = loop.create_future()
    tasks = [loop.create_task(crowd_member(gate)) for _ in range(n)]
    await asyncio.sleep(0)
    tasks += [loop.create_task(late_member()) for _ in range(5)]
    await asyncio.sleep(0)
    gate.set_result(None)
    tasks += [loop.create_task(newcomer()) for _ in range(5)]
    nap(20000000)
    await asyncio.gather(*tasks)


async def nap_inside(ns):
    nap(ns)


def start_eagerly(loop, ns):
    nap(ns)
    asyncio.Task(nap_inside(ns), loop=loop, eager_start=True)
    nap(ns)


async def obey(loop, workers, words):
    order, numbers = words[0], [int(word) for word in words[1:]]
    if order == "crowd":
        await crowd(loop, numbers[0])
    elif order == "eager":
        await workers[0].tell(loop, 0, lambda: start_eagerly(loop, numbers[0]))
    elif order == "end":
        for worker in workers[:numbers[0]]:
            await worker.tell(loop, -1, lambda: None)
        del workers[:numbers[0]]
    else:
        work = {"naps": nap, "burns": burn}[order]
        done = [worker.tell(loop, numbers[0], lambda: work(numbers[1])) for worker in workers]
        await asyncio.gather(*done)
    await asyncio.sleep(QUIET_S)
    await asyncio.sleep(QUIET_S)


async def main(loop, n):
    workers = [Worker(loop, number) for number in range(n)]
    await asyncio.sleep(QUIET_S)
    protocol.say("ready", tid=threading.get_native_id(), is_eager=sys.version_info >= (3, 12))
    while True:
        line = await protocol.hear_in_loop(loop)
        if not line:
            break
        await obey(loop, workers, line.split())
        protocol.say("done", workers=[
            {"task": id(worker.task), "steps": worker.steps, "busy_ns": worker.busy_ns}
            for worker in workers])
    for worker in workers:
        worker.task.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", default="asyncio", choices=("asyncio", "uvloop"))
    parser.add_argument("--workers", type=int, default=10)
    arguments = parser.parse_args()
    the_loop = protocol.new_loop(arguments.loop)
    protocol.run(the_loop, main(the_loop, arguments.workers))
