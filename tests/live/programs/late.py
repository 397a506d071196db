# SPDX-License-Identifier: BSD-2-Clause
"""A loop for a tool that comes late: it does one thing, in a task or callback of its own.

    late.py SHAPE [--loop asyncio|uvloop] [--for SECONDS]

Says "stuck" with the line number when it begins, "over" when that ends, then waits.

sleep, lock, compute, awaits, gil: a step of the task "the-task" hangs; `awaits` awaits all the time
and never suspends, `gil` waits for a thread that holds the GIL in C. callback: a callback hangs.
polls: the loop's selector is written in Python and waits without a system call for it. pause:
nothing hangs.
"""

import argparse
import asyncio
import ctypes
import selectors
import threading
import time

import protocol


def line_of(mark):
    with open(__file__) as f:
        return next(n for n, line in enumerate(f, 1) if line.rstrip().endswith("# " + mark))


def say_stuck(mark):
    protocol.say("stuck", start_ns=time.monotonic_ns(), line=line_of(mark))


async def sleep(seconds):
    say_stuck("sleep")
    time.sleep(seconds)  # sleep
    protocol.say("over", end_ns=time.monotonic_ns())


async def lock(seconds):
    lock = threading.Lock()
    lock.acquire()
    say_stuck("lock")
    lock.acquire(timeout=seconds)  # lock
    protocol.say("over", end_ns=time.monotonic_ns())


async def compute(seconds):
    now, end = time.monotonic, time.monotonic() + seconds
    say_stuck("compute")
    while now() < end: pass  # compute
    protocol.say("over", end_ns=time.monotonic_ns())


async def ready():
    return True


async def awaits(seconds):
    now, end = time.monotonic, time.monotonic() + seconds
    say_stuck("awaits")
    while now() < end: await ready()  # awaits
    protocol.say("over", end_ns=time.monotonic_ns())


def hold_gil(seconds, begin, is_over):
    hold = ctypes.PyDLL(None).poll  # unlike one of CDLL, it does not release the GIL
    begin.wait()
    hold(None, 0, int(seconds * 1000))
    is_over.append(True)


async def gil(seconds):
    begin, is_over = threading.Event(), []
    threading.Thread(target=hold_gil, args=(seconds, begin, is_over), daemon=True).start()
    say_stuck("gil")
    begin.set()
    while not is_over: pass  # gil
    protocol.say("over", end_ns=time.monotonic_ns())


def hang(seconds):
    say_stuck("hang")
    time.sleep(seconds)  # hang
    protocol.say("over", end_ns=time.monotonic_ns())


async def callback(seconds):
    asyncio.get_running_loop().call_soon(hang, seconds)


async def pause(seconds):
    protocol.say("stuck", line=0)
    await asyncio.sleep(seconds)


class Napping(selectors.SelectSelector):
    """Waits by sleeping, as a selector over the events of a library does."""

    def select(self, timeout=None):
        end = time.monotonic() + (60 if timeout is None else timeout)
        while True:
            found = super().select(0)
            if found or time.monotonic() >= end:
                return found
            time.sleep(0.5)


SHAPES = {f.__name__: f for f in (sleep, lock, compute, awaits, gil, callback, pause)}
SHAPES["polls"] = pause


async def main(shape, seconds):
    task = asyncio.get_running_loop().create_task(SHAPES[shape](seconds))
    task.set_name("the-task")
    await task
    await asyncio.sleep(60)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--for", dest="seconds", type=float, default=60)
    args = parser.parse_args()
    if args.shape == "polls":
        loop = asyncio.SelectorEventLoop(Napping())
        loop.run_until_complete(main(args.shape, args.seconds))
    if args.loop == "uvloop":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main(args.shape, args.seconds))
