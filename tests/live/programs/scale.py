# SPDX-License-Identifier: BSD-2-Clause
"""Much of everything, and what there was of it.

    scale.py [--loop asyncio|uvloop]

Prints "ready", then takes orders from its input, each answered with "done":
  "steps TASKS SECONDS"           sleep(0) as fast as it goes
  "storm SECONDS NS"              every step of four coroutines takes NS at least: two sleep, two
                                  compute
  "kinds KINDS STEPS THREADS"     KINDS different coroutines, each with STEPS steps in each of
                                  THREADS loops
  "threads THREADS KINDS STEPS"   the same, but the loops come and go one after the other
  "crowd TASKS BUSY"              TASKS tasks sleep, BUSY take some steps each second, until
                                  "crowd 0 0"
"""

import argparse
import asyncio
import sys
import threading
import time

import protocol


async def yielder(until):
    steps = 0
    while time.monotonic() < until:
        steps += 1
        await asyncio.sleep(0)
    return steps + 1


async def steps(tasks, seconds):
    until = time.monotonic() + float(seconds)
    begin = time.process_time()
    done = await asyncio.gather(*[yielder(until) for _ in range(int(tasks))])
    protocol.say("done", steps=sum(done), cpu_s=time.process_time() - begin)


class Sums:
    """What a coroutine did: every one of its steps is one of these."""

    def __init__(self):
        self.steps = self.busy_ns = self.cpu_ns = 0

    def step(self, work, ns):
        begin, cpu = time.monotonic_ns(), time.thread_time_ns()
        work(ns)
        self.steps += 1
        self.busy_ns += time.monotonic_ns() - begin
        self.cpu_ns += time.thread_time_ns() - cpu


def nap(ns):
    time.sleep(ns / 1e9)


def burn(ns):
    end = time.monotonic_ns() + ns
    while time.monotonic_ns() < end:
        pass


# The last step of each ends with its work, too.
async def napper(sums, until, ns):
    sums.step(nap, ns)
    while time.monotonic() < until:
        await asyncio.sleep(0)
        sums.step(nap, ns)


async def napper_of_two(sums, until, ns):
    sums.step(nap, ns)
    while time.monotonic() < until:
        await asyncio.sleep(0)
        sums.step(nap, 2 * ns)


async def burner(sums, until, ns):
    sums.step(burn, ns)
    while time.monotonic() < until:
        await asyncio.sleep(0)
        sums.step(burn, ns)


async def rare(sums, until, ns):
    """Once in a second something much longer than all else."""
    due = time.monotonic()
    sums.step(nap, 20 * ns)
    while time.monotonic() < until:
        due += 1
        await asyncio.sleep(due - time.monotonic())
        sums.step(nap, 20 * ns)


async def storm(seconds, ns):
    until = time.monotonic() + float(seconds)
    sums = {function.__name__: Sums() for function in (napper, napper_of_two, burner, rare)}
    await asyncio.gather(*[globals()[name](of, until, int(ns)) for name, of in sums.items()])
    protocol.say("done", coroutines={name: vars(of) for name, of in sums.items()})


def make_kinds(count):
    """Coroutines that differ in their code objects, names and lines only."""
    kind = "async def kind_%d(n):\n    for _ in range(n - 1):\n        await sleep(0)"
    source = "\n".join(kind % n for n in range(count))
    names = {"sleep": asyncio.sleep}
    exec(compile(source, "kinds.py", "exec"), names)
    return [names["kind_%d" % n] for n in range(count)]


def run_kinds(kind, functions, steps_each):
    async def main():
        for function in functions:
            await asyncio.get_running_loop().create_task(function(steps_each))

    protocol.run(protocol.new_loop(kind), main())


async def kinds(loop_kind, count, steps_each, threads):
    functions = make_kinds(int(count))
    running = [threading.Thread(target=run_kinds, args=(loop_kind, functions, int(steps_each)))
               for _ in range(int(threads))]
    for thread in running:
        thread.start()
    while any(thread.is_alive() for thread in running):
        await asyncio.sleep(0.1)
    protocol.say("done")


async def threads(loop_kind, count, n_kinds, steps_each):
    functions = make_kinds(int(n_kinds))
    for _ in range(int(count)):
        thread = threading.Thread(target=run_kinds, args=(loop_kind, functions, int(steps_each)))
        thread.start()
        while thread.is_alive():
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
    protocol.say("done")


async def sleeper():
    await asyncio.sleep(3600)


async def busy_one():
    while True:
        await asyncio.sleep(0.05)


CROWD = []


async def crowd(tasks, busy):
    for task in CROWD:
        task.cancel()
    CROWD.clear()
    CROWD.extend(asyncio.ensure_future(sleeper()) for _ in range(int(tasks)))
    for number in range(int(busy)):
        CROWD.append(asyncio.get_running_loop().create_task(busy_one(), name="busy-%d" % number))
    await asyncio.sleep(0)
    protocol.say("done")


async def main(loop_kind):
    loop = asyncio.get_running_loop()
    protocol.say("ready")
    while True:
        words = (await protocol.hear_in_loop(loop)).split()
        if not words:
            break
        orders = {"steps": steps, "storm": storm, "crowd": crowd}
        if words[0] in orders:
            await orders[words[0]](*words[1:])
        else:
            await {"kinds": kinds, "threads": threads}[words[0]](loop_kind, *words[1:])
    for task in CROWD:
        task.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", default="asyncio", choices=("asyncio", "uvloop"))
    arguments = parser.parse_args()
    protocol.run(protocol.new_loop(arguments.loop), main(arguments.loop))
    sys.exit(0)
