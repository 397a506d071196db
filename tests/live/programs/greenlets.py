# SPDX-License-Identifier: BSD-2-Clause
"""Greenlets inside task steps, as SQLAlchemy does it, and a whole loop inside a greenlet.

Blocking-style code runs in a greenlet of its own; when it must await, it switches to the greenlet
of the task, which awaits for it and switches back. So a step leaves its C stack in the middle and
comes back to it later.
"""

import argparse
import asyncio
import time

import greenlet

import protocol

STALL_S = 0.030


class _Worker(greenlet.greenlet):
    def __init__(self, function, parent):
        super().__init__(function, parent)


def await_only(awaitable):
    """Called deep inside blocking-style code."""
    return greenlet.getcurrent().parent.switch(awaitable)


async def greenlet_spawn(function, *args):
    worker = _Worker(function, greenlet.getcurrent())
    result = worker.switch(*args)
    while not worker.dead:
        try:
            value = await result
        except BaseException as error:
            result = worker.throw(error)
        else:
            result = worker.switch(value)
    return result


class Work:
    """Blocking-style code that awaits 6 times and stalls twice, or fails."""

    def __init__(self):
        self.stalls = []

    def query(self, number):
        total = 0
        for i in range(6):
            total += await_only(self._fetch(i))
            if i in (2, 4):
                self._stall_in_greenlet()
        if number % 5 == 4:
            raise KeyError("planned")
        return total

    async def _fetch(self, number):
        await asyncio.sleep(0 if number % 2 else 0.002)
        return number

    def _stall_in_greenlet(self):
        start = time.monotonic_ns()
        time.sleep(STALL_S)
        self.stalls.append((start, time.monotonic_ns()))


async def _main(work, is_inside):
    if is_inside:
        protocol.say("ready")
        await protocol.hear_in_loop(asyncio.get_running_loop())
    right = failed = 0
    for number in range(10):
        try:
            right += await greenlet_spawn(work.query, number) == 15
        except KeyError:
            failed += 1
    light = Work()
    light._stall_in_greenlet = lambda: None
    results = await asyncio.gather(
        *[greenlet_spawn(light.query, 0) for _ in range(200)])
    return {"right": right, "failed": failed, "light": results.count(15)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--loop", default="asyncio")
    parser.add_argument("--wrapped", action="store_true",
                        help="the loop itself runs inside a greenlet")
    args = parser.parse_args()
    work = Work()

    def go():
        return protocol.run(protocol.new_loop(args.loop), _main(work, True))

    result = greenlet.greenlet(go).switch() if args.wrapped else go()
    protocol.say("done", stalls=work.stalls, **result)
    protocol.hear()


if __name__ == "__main__":
    main()
